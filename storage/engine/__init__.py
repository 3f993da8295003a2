"""What the embedded engines share: judging, group commit, key index, history, watches, expiry.

``key_index``, ``ledger``, ``transactions``, ``ranges``, ``expiry`` and ``gathering`` are pure;
``committer`` owns the thread; ``store`` puts them together over a ``Backend``, which keeps values
by row and nothing else.
"""
