"""A missing network is reported at once; the hub's client alone would retry for half a minute."""

import logging
import socket
import time

import datasets
import pytest
from huggingface_hub import constants

from emma_eval.data.loading import load_samples
from emma_eval.errors import UserError
from emma_eval.models import model_folder
from emma_eval.tasks.loading import load_task
from emma_eval.utils import hub


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


def test_the_network_is_named_and_no_switch_that_the_user_did_not_set(tmp_path):
    for lookup in (lambda: model_folder("nobody/nothing"), lambda: load_samples(load_task("pope"), tmp_path)):
        with pytest.raises(UserError) as caught:
            lookup()
        assert "cannot be reached (Network is unreachable)" in str(caught.value)
        assert "HF_HUB_OFFLINE" not in str(caught.value)


def test_a_switch_that_the_user_set_is_named(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "_offline_reasons", [])
    with pytest.raises(UserError, match=r"HF_HUB_OFFLINE \(or --offline\) forbids the hub"):
        model_folder("nobody/nothing")


@pytest.mark.parametrize("address", ["http://localhost:99999", "http://localhost:port", "nonsense", "http://[::1"])
def test_an_invalid_endpoint_is_refused_in_one_line(address, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", address)
    with pytest.raises(UserError, match=r"\AHF_ENDPOINT '.*' is no address of a hub: [^\n]+\Z"):
        model_folder("nobody/nothing")


def test_the_log_is_as_loud_as_before_afterwards(caplog):
    with hub.fail_fast_and_quietly():
        logging.getLogger("huggingface_hub").error("retrying")
    logging.getLogger("anyone").error("heard")
    assert caplog.messages == ["heard"]


@pytest.mark.parametrize(
    ("variables", "switch", "for_data"),
    [
        ({}, "", ""),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE", "HF_HUB_OFFLINE"),
        ({"HF_HUB_OFFLINE": "0"}, "", ""),
        ({"TRANSFORMERS_OFFLINE": "yes"}, "TRANSFORMERS_OFFLINE", "TRANSFORMERS_OFFLINE"),
        ({"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}, "HF_HUB_OFFLINE", "HF_HUB_OFFLINE"),
        ({"HF_DATASETS_OFFLINE": "1"}, "", "HF_DATASETS_OFFLINE"),
        ({"HF_DATASETS_OFFLINE": "0"}, "", ""),
    ],
)
def test_after_the_option_the_clients_are_as_the_variables_say(variables, switch, for_data, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with hub.offline():
        assert constants.HF_HUB_OFFLINE
        assert hub.offline_switch() == "HF_HUB_OFFLINE"
    assert (hub.offline_switch(), hub.offline_switch(for_data=True)) == (switch, for_data)
