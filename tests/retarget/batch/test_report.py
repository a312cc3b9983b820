"""The report is one page that needs nothing else, shows what happened, and is drawn by a real browser."""

import re
import shutil
import subprocess

import cv2
import pytest

from retarget.batch.jobs import read_jobs

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.fixture
def report(clips, rigs, tmp_path, blender):
    from retarget.batch.cluster import InlinePool
    from retarget.batch.progress import Quiet
    from retarget.batch.run import run_batch
    from retarget.batch.store import Store

    (clips / "clip0.npz").rename(clips / "<b>bold & 'odd'.npz")
    out = tmp_path / "out"
    with Store(out) as store:
        jobs = read_jobs(clips, [rigs / "hero.blend"])
        outcome = run_batch(jobs, store, lambda tell: InlinePool(out, tell), Quiet(), blender={"program": blender})
    return outcome.report


def test_the_report_names_every_job_and_escapes_what_files_are_called(report):
    text = report.read_text()
    assert "3 of 4 jobs done, 1 failed" in text
    assert "no frame shows the face" in text
    assert "<b>bold" not in text and "&lt;b&gt;bold &amp; &#x27;odd&#x27;" in text
    assert text.count("<polyline") >= 3 * 6  # six curves for each clip with a face


def test_the_report_asks_for_nothing_from_elsewhere(report):
    text = report.read_text()
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)
    assert "@import" not in text and "<link" not in text and "<!--" not in text
    links = re.findall(r'href="([^"#]+)"', text)
    from urllib.parse import unquote

    assert links and all((report.parent / unquote(link)).is_file() for link in links)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_a_browser_draws_it(report, tmp_path):
    picture = tmp_path / "report.png"
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--hide-scrollbars",
    ]
    command = [BROWSER, *flags, "--window-size=1200,1400", f"--screenshot={picture}", report.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    image = cv2.imread(str(picture))
    assert image.shape[:2] == (1400, 1200)
    assert image.std() > 10
    # The curves' colours are there, below the table.
    blue = (abs(image[400:].astype(int) - (241, 154, 78)).max(-1) < 12).sum()
    assert blue > 100
