"""Which commands the quickstart and the studies consist of."""

from pathlib import Path

from steps import Step
from tasks import Task

DATA = Path('data/nano')
QUICKSTART = Path('work_dirs/quickstart')
STUDY = Path('work_dirs/study')
TEACHER = 'teacher'
STUDENT = 'pretrain'
# the study pre-trains this many epochs
STUDY_EPOCHS = 60


def _train(config: str, folder: Path, seed: int, *options: str) -> list[str]:
    command = ['tools/train.py', config, '--work-dir', str(folder), '--seed', str(seed), '--resume']
    return [*command, '--cfg-options', *options] if options else command


def _data_and_teacher(root: Path) -> list[Step]:
    return [
        Step(
            'Nano world of real pixels',
            ['tools/dataset_converters/make_nano_data.py', str(DATA)],
            root / 'data',
            seconds=45,
        ),
        Step(
            'Lists of the ImageNet variants',
            [
                'tools/dataset_converters/make_imagenet_lists.py',
                'robustness',
                str(DATA / 'imagenet'),
                str(DATA / 'robustness'),
            ],
            root / 'lists',
            seconds=1,
        ),
        Step(
            'Teacher: a nano CLIP, trained on captions',
            ['projects/quickstart/train_clip.py', '--shards', str(DATA / 'clip'), '--out', str(root / TEACHER)],
            root / TEACHER,
            seconds=125,
        ),
    ]


def _student(folder: Path, teacher: Path, seconds: float, *options: str) -> Step:
    teacher_option = f'model.target_generator.model=local-dir:{teacher}'
    return Step(
        'EVA: masked image modelling against the teacher',
        _train('configs/nano/pretrain.py', folder, 0, teacher_option, *options),
        folder,
        seconds=seconds,
    )


def foundation(root: Path) -> list[Step]:
    """Data, teacher and MIM pre-training: what every task starts from."""
    return [*_data_and_teacher(root), _student(root / STUDENT, root / TEACHER, 90)]


def study_foundation(root: Path) -> list[Step]:
    """As :func:`foundation`, with data and teacher of the quickstart and a longer pre-training in ``root``."""
    longer = (f'train_cfg.max_epochs={STUDY_EPOCHS}', f'train_cfg.val_interval={STUDY_EPOCHS}')
    return [*_data_and_teacher(QUICKSTART), _student(root / STUDENT, QUICKSTART / TEACHER, 660, *longer)]


def checkpoint(folder: Path) -> Path:
    """The newest checkpoint of a run, as mmengine notes it.

    Raises:
        FileNotFoundError: The run has none.
    """
    note = folder / 'last_checkpoint'
    if not note.is_file():
        raise FileNotFoundError(f'{folder} has no checkpoint: remove the folder and run again.')
    return Path(note.read_text().strip())


def task_step(
    task: Task,
    init: str,
    folder: Path,
    student: Path,
    seed: int = 0,
    options: tuple[str, ...] = (),
    seconds: float | None = None,
) -> Step:
    """Training of a task.

    Args:
        task: What to train.
        init: ``'mim'``, the student's weights, or ``'scratch'``.
        folder: Work dir.
        student: Work dir of the pre-training.
        seed: Seed of the training.
        options: Further ``--cfg-options``.
        seconds: About how long it takes; default: as the task says.
    """
    start = (f'{task.checkpoint_option}={checkpoint(student)}',) if init == 'mim' else task.scratch_options
    return Step(
        f'{task.title}, from {"MIM" if init == "mim" else "scratch"}, seed {seed}',
        _train(task.config, folder, seed, *start, *options),
        folder,
        seconds=seconds or task.seconds,
    )
