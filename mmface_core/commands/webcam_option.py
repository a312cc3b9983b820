"""`--seconds`, for every command that may read a webcam."""

import click

WEBCAM_SECONDS = 10.0  # unless somebody says otherwise

webcam_option = click.option(
    "--seconds",
    type=click.FloatRange(0.1),
    default=WEBCAM_SECONDS,
    show_default=True,
    help="How long a webcam is read.",
)
