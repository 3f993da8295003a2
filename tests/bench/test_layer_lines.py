from __future__ import annotations

import pytest

from bench.commands.layer_lines import layer_lines
from bench.layer_results import Attribution, ProcessLayers


@pytest.mark.parametrize(("rest_s", "said"), [(2.0, False), (-0.4, False), (-0.6, True)])
def test_layers_that_exceed_their_process_are_said_to_be_unreliable(
    rest_s: float, said: bool
) -> None:
    process = ProcessLayers(10.0, None, [], rest_s, None, kernel_s=0.0, own_share=0.0)

    lines = list(layer_lines(Attribution(processes={"nodes": process})))

    assert any("not to be relied on" in line for line in lines) is said
