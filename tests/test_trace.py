"""trace.csv and its like when a process goes on with the file of the one before it."""

from gateway.trace import go_on


def test_a_file_that_is_not_there_begins_empty(tmp_path):
    with go_on(tmp_path / "trace.csv") as file:
        assert file.tell() == 0
        file.write("a\n")
    assert (tmp_path / "trace.csv").read_text() == "a\n"


def test_a_line_that_a_kill_cut_off_is_dropped_and_the_file_goes_on(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("t_s,mode\n1,local\n2,rem")
    with go_on(path) as file:
        assert file.tell() > 0
        file.write("3,local\n")
    assert path.read_text() == "t_s,mode\n1,local\n3,local\n"


def test_a_file_of_one_cut_line_begins_anew(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("t_s,mo")
    with go_on(path) as file:
        file.write("t_s,mode\n")
    assert path.read_text() == "t_s,mode\n"
