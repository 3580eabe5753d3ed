"""No network is said at once: the hub's client alone would try again for half a minute."""

import logging
import socket
import time

import datasets
import pytest
from huggingface_hub import constants

from emma_eval import hub
from emma_eval.errors import UserError
from emma_eval.models import model_folder
from emma_eval.readers import load_samples
from emma_eval.task import load_task


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # restored afterwards, whatever the reader sets
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "getproxies", dict)

    def refuse(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)


def test_the_line_names_the_files_and_the_data_set(tmp_path):
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        load_samples(load_task("pope"), tmp_path)
    assert time.monotonic() - start < 5
    message = str(caught.value)
    assert f"data not found below {tmp_path}: random: pope/coco/coco_pope_random.json" in message
    assert "and from the hub: data set lmms-lab-encoder/POPE, split test, cannot be had" in message
    assert "\n" not in message


def test_a_model_that_is_nowhere(no_network, capfd):
    start = time.monotonic()
    with pytest.raises(UserError, match="model 'nobody/nothing' is neither a local folder nor to be had from the hub"):
        model_folder("nobody/nothing")
    assert time.monotonic() - start < 5
    assert capfd.readouterr().err == ""


def test_the_log_is_as_loud_as_before_afterwards(caplog):
    with hub.at_once_and_quietly():
        logging.getLogger("huggingface_hub").error("retrying")
    logging.getLogger("anyone").error("heard")
    assert caplog.messages == ["heard"]
