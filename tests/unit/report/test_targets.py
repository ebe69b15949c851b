"""The table of targets: values and intervals where measured, dashes elsewhere."""

from attention_programs.report.targets import TARGETS, targets_table

SUMMARY = {
    "iou/test/stories/search": 0.632,
    "iou/test/stories/search/low": 0.62,
    "iou/test/stories/search/high": 0.64,
    "perplexity_increase/test/distilled/joint_ablation/25": 7.0,
    "perplexity_increase_on_stories/test/distilled/joint_ablation/25": 5.04,
    "sharing/programs_for_95_percent": 30.0,
}


def test_table_by_hand() -> None:
    lines = targets_table({"ours": SUMMARY, "none": {}}).splitlines()
    assert lines[0] == "| at 64 tokens, test texts | minimum | goal | ours | none |"
    assert lines[2] == "| mean IoU, at most 8 terms, stories | 0.61 | 0.66 | 0.632 [0.620, 0.640] | – |"
    assert "| perplexity increase on stories at 25 % of heads | 6 % | 2 % | 5.0 % | – |" in lines
    assert lines[-1] == "| distinct programs for 95 % of the IoU of one per head (on validation) | 60 | 30 | 30 | – |"
    assert len(lines) == 2 + len(TARGETS) + 1
