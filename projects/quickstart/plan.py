"""Which commands the quickstart and the studies consist of."""

from pathlib import Path

from steps import Step
from tasks import Task

DATA = Path('data/nano')
QUICKSTART = Path('work_dirs/quickstart')
STUDY = Path('work_dirs/study')
TEACHER = 'teacher'
STUDENT = 'pretrain'


def _train(config: str, folder: Path, seed: int, *options: str) -> list[str]:
    command = ['tools/train.py', config, '--work-dir', str(folder), '--seed', str(seed), '--resume']
    return [*command, '--cfg-options', *options] if options else command


def _data(root: Path) -> list[Step]:
    return [
        Step(
            'Nano world of real pixels',
            ['projects/nano_world/make_nano_data.py', str(DATA)],
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
    ]


def _teacher(folder: Path, seconds: float, *options: str) -> Step:
    return Step(
        'Teacher: a nano CLIP, trained on captions',
        ['projects/quickstart/train_clip.py', '--shards', str(DATA / 'clip'), '--out', str(folder), *options],
        folder,
        seconds=seconds,
    )


def _student(folder: Path, config: str, teacher: Path, seconds: float) -> Step:
    return Step(
        'EVA: masked image modelling against the teacher',
        _train(config, folder, 0, f'model.target_generator.model=local-dir:{teacher}'),
        folder,
        seconds=seconds,
    )


def foundation(root: Path) -> list[Step]:
    """Data, teacher and MIM pre-training: what every task starts from."""
    teacher = root / TEACHER
    student = _student(root / STUDENT, 'configs/nano/pretrain.py', teacher, 90)
    return [*_data(root), _teacher(teacher, 125), student]


def study_foundation(root: Path) -> list[Step]:
    """Data of the quickstart; teacher and student of ``root`` train longer, the student on more images, too."""
    teacher = root / TEACHER
    student = _student(root / STUDENT, 'configs/nano/pretrain_merged.py', teacher, 1300)
    return [*_data(QUICKSTART), _teacher(teacher, 420, '--epochs', '40'), student]


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
