import os
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Return a function that runs a notebook in a fresh kernel of this interpreter.

    Jupyter's settings are not the user's: without folders to look in, the name python3 stands for
    the interpreter that runs the tests. A backend of matplotlib that the tests may have chosen
    would keep figures out of the outputs.
    """
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    # Several kernels at a time, of many threads each, take turns at great cost.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")

    def execute(notebook: NotebookNode) -> NotebookNode:
        manager = AsyncKernelManager(
            kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])
        )
        resources = {"metadata": {"path": str(tmp_path)}}
        client = NotebookClient(notebook, km=manager, timeout=300, resources=resources)
        return client.execute(env=dict(os.environ))

    return execute


def test_there_are_notebooks():
    assert NOTEBOOKS


@every_notebook
def test_a_notebook_is_committed_without_outputs_and_without_its_authors_machine(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code_cells(notebook))
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell.metadata == {} for cell in notebook.cells)


@every_notebook
def test_the_readme_names_a_notebook(path):
    assert f"({path.name})" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@every_notebook
def test_a_notebook_runs_and_shows_figures_and_tables(path, execute):
    executed = execute(nbformat.read(path, as_version=nbformat.NO_CONVERT))
    outputs = [output for cell in code_cells(executed) for output in cell.outputs]
    printed = [output.text for output in outputs if output.output_type == "stream"]
    assert not any("Warning" in text for text in printed)
    shown = [output.get("data", {}) for output in outputs]
    assert any("image/png" in data for data in shown)
    assert any("<table" in data.get("text/html", "") for data in shown)


def test_a_cell_that_raises_fails_the_run(execute):
    cell = nbformat.v4.new_code_cell("raise AssertionError('no longer true')")
    with pytest.raises(CellExecutionError, match="no longer true"):
        execute(nbformat.v4.new_notebook(cells=[cell]))


def test_the_kernel_is_the_interpreter_of_the_tests(execute):
    cell = nbformat.v4.new_code_cell("import sys\nsys.prefix")
    executed = execute(nbformat.v4.new_notebook(cells=[cell]))
    assert executed.cells[0].outputs[0].data["text/plain"] == repr(sys.prefix)
