"""Whatever befalls an answer file, each sample gets its own answer, or the file is refused: never anything else."""

from hypothesis import event, given

from emma_eval.errors import UserError
from emma_eval.predictions import read_predictions
from emma_eval.predictions.reading import missing_answers
from tests.fuzzing import fuzz_settings, run_fuzz
from tests.predictions.worlds import World, worlds


def test_every_answer_is_its_samples_own_or_the_file_is_refused(tmp_path):
    @fuzz_settings
    @given(world=worlds())
    def fuzz(world: World):
        path = tmp_path / world.name
        path.write_text(world.content, encoding="utf-8")
        for partial in (False, True):
            try:
                predictions = read_predictions(path, world.given.samples, world.given.task, ignore_foreign=partial)
            except UserError as error:
                event(f"refused, partial {partial}")
                assert "\n" not in str(error)
                continue
            event(f"read, partial {partial}")
            assert {key: answer.text for key, answer in predictions.answers.items()} == world.kept
            assert partial or not world.foreign
            missing = set(missing_answers(world.given.samples, world.given.task, predictions))
            assert missing == world.given.texts.keys() - world.kept.keys()

    run_fuzz(fuzz)
