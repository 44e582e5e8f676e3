"""Parsed configs are kept by number and by length: a repository with a long file in every commit fills no memory."""

from controller.watching import configs


def test_the_same_text_is_parsed_once_and_long_ones_are_few() -> None:
    usual = "# a file\n"
    assert configs.parsed(usual) is configs.parsed(usual)
    long = [f"# {number}\n" + "#" * configs.USUAL for number in range(10)]
    first = configs.parsed(long[0])
    assert configs.parsed(long[0]) is first
    for text in long[1:]:
        configs.parsed(text)
    assert configs.parsed(long[0]) is not first
    assert configs.parsed(usual) is configs.parsed(usual)
