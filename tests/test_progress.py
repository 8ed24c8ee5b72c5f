from utils.progress import download_bar


def test_the_bar_shows_megabytes_and_ends_with_the_file(capfd):
    show = download_bar()
    assert capfd.readouterr().err == "", "nothing is shown before anything comes"
    for received in (1_000_000, 60_000_000, 170_000_000):
        show(received, 170_000_000)
    shown = capfd.readouterr().err
    assert "download: 100%" in shown and "170M/170M" in shown and shown.endswith("\n")


def test_the_bar_begins_anew_with_the_next_mirror_and_bears_an_unknown_size(capfd):
    show = download_bar()
    show(90, 100)
    show(10, 0)
    show(20, 20)
    shown = capfd.readouterr().err
    assert "20.0/20.0" in shown and shown.endswith("\n")
