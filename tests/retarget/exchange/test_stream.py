"""What is streamed, as python-osc understands it."""

import socket
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from mmface_core.conventions import euler_to_rotation
from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from retarget import Settings
from retarget.commands.stream import stream
from retarget.exchange import vmc
from retarget.exchange.osc import Sender, bundles, encode, parse_address
from retarget.exchange.stream import LiveFrame, frames_of, played, send, vmc_messages
from retarget.mapping.schema import Channel, KeyTarget, Mapping, save_mapping
from retarget.performance import performance_of


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(-1e6, 1e6, width=32),
)
def test_messages_are_read_as_they_were_meant(text, whole, real):
    message = OscMessage(encode("/a/b", (text, whole, real)))
    assert message.address == "/a/b"
    assert message.params == [text, whole, real]


def read(packet):
    return [content for content in OscBundle(packet)]


def test_a_frame_has_every_unit_then_apply_then_the_head():
    weights = np.linspace(0, 1, 52)
    packets = bundles(vmc.messages(vmc.unit_values(weights), euler_to_rotation(0.5, 0, 0), 1.5))
    assert all(len(packet) <= 1400 for packet in packets)
    messages = [message for packet in packets for message in read(packet)]
    values = dict(m.params for m in messages if m.address == "/VMC/Ext/Blend/Val")
    assert {name[0].lower() + name[1:] for name in values} == set(ARKIT_NAMES)
    assert list(values.values()) == pytest.approx(weights, abs=1e-6)
    assert [m.address for m in messages[-2:]] == ["/VMC/Ext/Blend/Apply", "/VMC/Ext/Bone/Pos"]
    name, *_, x, y, z, w = messages[-1].params
    # To the subject's left is to Unity's -x: about y up, left-handed, that is a negative turn.
    assert (name, x, z) == ("Head", 0, 0)
    assert (y, w) == pytest.approx((-np.sin(0.25), np.cos(0.25)), abs=1e-6)


OPEN = Mapping(
    (
        Channel("jawOpen", (KeyTarget("Face", "Fcl_MTH_A", 0.5), KeyTarget("Teeth", "Fcl_MTH_A", 0.8))),
        Channel("mouthSmileLeft", (KeyTarget("Face", "Fcl_MTH_Joy"),), mute=True),
    )
)


def test_with_a_mapping_the_avatars_own_keys_are_sent():
    weights = np.zeros(52)
    weights[ARKIT_NAMES.index("jawOpen")], weights[ARKIT_NAMES.index("mouthSmileLeft")] = 0.5, 1.0
    messages = vmc_messages(LiveFrame(0.0, weights, np.eye(3)), OPEN)
    assert [values for address, values in messages if address == "/VMC/Ext/Blend/Val"] == [("Fcl_MTH_A", 0.4)]


def test_mmface_stream_takes_a_mapping_and_refuses_one_without_keys(lively_take, tmp_path):
    lively_take(fps=100.0, count=3).save(tmp_path / "take.npz")
    save_mapping(OPEN, tmp_path / "avatar.json")
    save_mapping(Mapping(()), tmp_path / "none.json")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        to = ["--to", f"127.0.0.1:{listener.getsockname()[1]}"]
        done = CliRunner().invoke(stream, [str(tmp_path / "take.npz"), *to, "--mapping", str(tmp_path / "avatar.json")])
        assert done.exit_code == 0, done.output
        sent = [m.params[0] for m in read(listener.recv(2000)) if m.address == "/VMC/Ext/Blend/Val"]
        assert sent == ["Fcl_MTH_A"]
    refused = CliRunner().invoke(stream, [str(tmp_path / "take.npz"), "--mapping", str(tmp_path / "none.json")])
    assert isinstance(refused.exception, UserError) and "no shape keys" in str(refused.exception)


class Clock:
    """A clock that goes on by what is slept."""

    def __init__(self, monkeypatch, lag=0.0):
        self.time, self.lag = 100.0, lag
        monkeypatch.setattr("retarget.exchange.stream.clock.sleep", self.sleep)

    def sleep(self, seconds):
        self.time += seconds + self.lag

    def __call__(self):
        return self.time


@pytest.mark.parametrize("lag", [0.0, 0.02])
def test_a_clip_is_played_at_its_own_speed_even_by_a_slow_machine(lag, lively_take, monkeypatch):
    clock = Clock(monkeypatch, lag)
    performance = performance_of(lively_take(fps=25.0, count=50), Settings())
    times = []
    for frame in played(performance, now=clock):
        times.append(clock.time - 100.0)
        assert frame.time == pytest.approx(len(times[:-1]) / 25)
    assert np.abs(np.array(times) - performance.time).max() <= 0.5 / 25 + lag


def test_what_is_sent_arrives(lively_take, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        take = lively_take(fps=100.0, count=20)
        take.save(tmp_path / "t.npz")
        host, port = parse_address(f"127.0.0.1:{listener.getsockname()[1]}")
        with Sender(host, port) as sender:
            assert send(frames_of(str(tmp_path / "t.npz"), Settings(smooth=0), loop=False), sender) == 20
        applied, last = 0, {}
        while applied < 20:
            for message in read(listener.recv(4096)):
                applied += message.address == "/VMC/Ext/Blend/Apply"
                if message.address == "/VMC/Ext/Blend/Val":
                    last[message.params[0]] = message.params[1]
    assert list(last.values()) == pytest.approx(take.weights[-1], abs=0.01)


def test_nobody_listening_is_no_error():
    with Sender("127.0.0.1", 9) as sender:
        for _ in range(3):
            sender.send([("/VMC/Ext/OK", (1,))])


@pytest.mark.parametrize("text", ["", "host", "host:", "host:0", "host:70000", "host:port"])
def test_wrong_addresses_are_refused(text):
    with pytest.raises(UserError, match="no address"):
        parse_address(text)


def test_a_port_alone_is_this_machine():
    assert parse_address("39539") == ("127.0.0.1", 39539)


class Camera:
    """Five pictures of a face, one without, two more with."""

    is_still, is_live, name, fps, expected = False, True, "0", 30.0, None
    seen = (True,) * 5 + (False,) + (True,) * 2

    def __init__(self, *_):
        pass

    def frames(self):
        for index, seen in enumerate(self.seen):
            yield SimpleNamespace(image=seen, index=index, time=index / 30)

    def close(self):
        pass


class Engine:
    model = SimpleNamespace(expression_names=ARKIT_NAMES)

    def tracker(self):
        face = SimpleNamespace(
            confidence=0.9, expression=np.full(52, 0.4, np.float32), rotation=np.eye(3, dtype=np.float32)
        )
        return SimpleNamespace(step=lambda image: {1: face} if image else {})


def test_a_webcam_gives_a_frame_for_each_picture_and_holds_while_nobody_is_seen(monkeypatch, make_take, tmp_path):
    monkeypatch.setattr("mmface_core.capture.load.load_engine", Engine)
    monkeypatch.setattr("mmface_core.capture.sources.WebcamSource", Camera)
    monkeypatch.chdir(tmp_path)
    frames = list(frames_of("0", Settings(), loop=False))
    assert [frame.seen for frame in frames] == list(Camera.seen)
    jaw = ARKIT_NAMES.index("jawOpen")
    assert all(frame.weights[jaw] == pytest.approx(0.4, abs=1e-6) for frame in frames)
    take = make_take(neutral=np.full(52, 0.4, np.float32), full=np.ones(52, np.float32), calibrated_by="frame 1")
    take.save(tmp_path / "me.npz")
    assert not any(frame.weights.any() for frame in frames_of("0", Settings(), False, tmp_path / "me.npz"))


def test_a_take_without_calibration_calibrates_nobody(monkeypatch, make_take, tmp_path):
    make_take().save(tmp_path / "me.npz")
    with pytest.raises(UserError, match="mmface calibrate"):
        next(frames_of("7", Settings(), False, tmp_path / "me.npz"))


def test_what_only_a_whole_clip_tells_is_refused_before_a_webcam():
    with pytest.raises(UserError, match="--calibrated-by"):
        next(frames_of("7", Settings(neutral=40), False))


def test_a_network_that_goes_away_for_a_while_does_not_end_the_stream(monkeypatch):
    with Sender("127.0.0.1", 39999) as sender:
        sender.send([("/a", (1.0,))])

        class Gone:
            def sendto(self, *_):
                raise OSError(101, "Network is unreachable")

            def close(self):
                pass

        sender._socket.close()
        sender._socket = Gone()
        sender.send([("/a", (1.0,))])


def test_an_address_that_leads_nowhere_is_a_sentence(monkeypatch):
    with Sender("127.0.0.1", 39999) as sender:
        real, sender._socket = sender._socket, None
        real.close()

        class Nowhere:
            def sendto(self, *_):
                raise OSError(101, "Network is unreachable")

            def close(self):
                pass

        sender._socket = Nowhere()
        with pytest.raises(UserError, match="Network is unreachable"):
            sender.send([("/a", (1.0,))])
