"""Kubernetes' JSON form of the messages: rules, both directions, framing. Libraries are injected.

``plan`` reads the rules from the descriptors, ``encode`` and ``decode`` turn messages into JSON
trees and back, ``schema`` is the fast way of ``decode``, ``codec`` joins them with a text library.
"""
