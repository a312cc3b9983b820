"""`mmface solve-weights`: from a take's expression components to the 52 weights that drive rigs."""

from pathlib import Path

import click


@click.command("solve-weights")
@click.argument("take", type=click.Path(path_type=Path))
@click.option(
    "--model", type=click.Path(path_type=Path), required=True, help="The take's face model, with named units."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The take to write (.npz).")
@click.option("--sparsity", default=0.02, help="How much few units are preferred to many.")
@click.option("--symmetry", default=0.05, help="How much both sides are pulled together.")
@click.option("--temporal", default=0.1, help="How much neighbouring frames are pulled together.")
def solve_weights_command(
    take: Path, model: Path, output: Path, sparsity: float, symmetry: float, temporal: float
) -> None:
    """Give TAKE, captured with a model of plain expression components (such as FaceWarehouse's 29 coefficients on the
    Basel mesh), the 52 ARKit weights that explain them best; `mmface retarget` then drives rigs with it.

    MODEL is that face model after `mmface model transfer`.
    """
    import time

    from mmface_core.errors import UserError
    from mmface_core.model.face_model import FaceModel
    from mmface_core.take import Take
    from retarget.take_weights import with_weights
    from retarget.weights import Terms

    if output.suffix.lower() != ".npz":
        raise UserError(f"{output} should end in .npz.")
    read = Take.load(take)
    began = time.perf_counter()
    solved = with_weights(read, FaceModel.load(model), Terms(sparsity, symmetry=symmetry, temporal=temporal))
    seconds = time.perf_counter() - began
    solved.take.save(output)
    click.echo(
        f"{len(read)} frames in {seconds:.2f} s; the weights explain {100 * solved.explained:.0f} % of the "
        f"expression's movement (rest {solved.rest_mm:.2f} mm a vertex)."
    )
    click.echo(f"Wrote {output}.")
