"""A page in the browser: an image or a video, a model, its result beside what its backbone sees.

The page itself imports neither torch nor a host: models live in a process of their own, see
:mod:`eva_mm.apis.demo_process`. What may be asked is the matter of :mod:`eva_mm.apis.demo_guard`.
"""

import atexit
import base64
import html
import io
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from eva_mm.apis.demo_guard import Guard, Uploads
from eva_mm.apis.demo_process import DemoProcess
from eva_mm.apis.errors import UserError
from eva_mm.apis.model_index import find_model, find_weights, model_index
from eva_mm.safe_io.images import DEFAULT_LIMITS, Limits
from eva_mm.safe_io.printed import printable

if TYPE_CHECKING:
    from eva_mm.apis.inference import Inferencer

HOST = '127.0.0.1'
MAX_MEGABYTES = 50
SUFFIXES = {
    'image': ('.jpg', '.jpeg', '.png', '.bmp', '.webp'),
    'video': ('.mp4', '.avi', '.mkv', '.webm', '.mov'),
}
RANDOM = 'random'
_NO_FILE = 'There is no file yet: choose an image or a video first.'
_LARGEST_PICTURE = 2000


def parse_models(pairs: list[str] | None) -> dict[str, str | bool]:
    """``['NAME=CHECKPOINT', ...]`` to names and checkpoints; by default all released models whose file is there.

    ``NAME=random`` takes random weights, ``NAME`` alone the released file.

    Raises:
        UserError: An unknown model, or there is none at all.
        FileNotFoundError: A checkpoint does not exist.
    """
    models: dict[str, str | bool] = {}
    for pair in pairs or ():
        name, _, checkpoint = pair.partition('=')
        info = find_model(name)
        if checkpoint and checkpoint != RANDOM and not Path(checkpoint).is_file():
            raise FileNotFoundError(f'--model {pair} names a checkpoint that does not exist: give a file.')
        models[name] = False if checkpoint == RANDOM else checkpoint or str(find_weights(info))
    if not pairs:
        for name, info in model_index().items():
            try:
                models[name] = str(find_weights(info))
            except (UserError, FileNotFoundError):
                continue
    if not models:
        raise UserError(
            'There is no model to show: give --model NAME=CHECKPOINT, for instance nano/classification=random, or put '
            'released files into ./checkpoints.'
        )
    return models


def models_by_task(models: Mapping[str, str | bool]) -> dict[str, list[str]]:
    """Names of models by task."""
    tasks: dict[str, list[str]] = {}
    for name in models:
        tasks.setdefault(find_model(name).task, []).append(name)
    return tasks


class Demo:
    """What the page calls. One model is kept at a time.

    Args:
        models: Name to checkpoint; ``False`` is random weights.
        device: Where models run.
        limits: How large an image may be.
    """

    def __init__(self, models: Mapping[str, str | bool], device: str = 'cpu', limits: Limits = DEFAULT_LIMITS) -> None:
        self.models, self.device, self.limits = dict(models), device, limits
        self._name, self._inferencer = '', None

    @property
    def tasks(self) -> dict[str, list[str]]:
        """Names of models by task."""
        return models_by_task(self.models)

    def load(self, name: str) -> 'Inferencer':
        """Build a model, if it is not the one that is there already.

        Raises:
            UserError: The page has no such model, or it cannot be built.
        """
        from eva_mm.apis.inference import build_inferencer

        if name not in self.models:
            raise UserError(f'The page has no model {name!r}: choose from {", ".join(self.models)}.')
        if name != self._name:
            self._name, self._inferencer = '', None
            self._inferencer = build_inferencer(name, self.models[name], device=self.device)
            self._inferencer.pipeline.limits = self.limits
            self._name = name
        return self._inferencer

    def look(self, file: str | None, name: str) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any], str]:
        """The picture with the prediction, the features as colours, the prediction, and a remark.

        Raises:
            UserError: No file, or one of a kind that the model does not take or that cannot be read.
        """
        from eva_mm.apis.inference.features import FeatureInferencer

        if not file:
            raise UserError(_NO_FILE)
        inferencer = self.load(name)
        allowed = SUFFIXES[inferencer.media]
        if Path(file).suffix.lower() not in allowed:
            raise UserError(
                f'{printable(Path(file).name)} is no {inferencer.media} that {name} takes: choose one of '
                f'{", ".join(allowed)}.'
            )
        result = inferencer(file)[0]
        if result.error:
            raise UserError(result.error)
        colours, remark = None, f'{name} on {printable(Path(file).name)}.'
        if inferencer.media == 'image':
            features = FeatureInferencer(inferencer.model, inferencer.cfg, half=inferencer.half)
            features.pipeline.limits = self.limits
            seen = features(file)[0]
            colours = seen.picture
            remark += f' Features: {" x ".join(map(str, seen.prediction["grid"]))} patches as colours.'
        else:
            remark += ' Features are drawn of models for images.'
        if self.models[name] is False:
            remark += ' The weights are random: the result means nothing.'
        return result.picture, colours, result.prediction, remark

    def answer(self, file: str | None, name: str) -> dict[str, Any]:
        """:meth:`look` as plain values: ``picture`` and ``colours`` are addresses that hold the pixels themselves."""
        picture, colours, prediction, remark = self.look(file, name)
        return dict(picture=_address(picture), colours=_address(colours), prediction=prediction, remark=remark)


def _address(picture: np.ndarray | None) -> str:
    """A picture as an address with its pixels in it, so that no file of it is kept."""
    if picture is None:
        return ''
    buffer = io.BytesIO()
    small = Image.fromarray(picture)
    small.thumbnail((_LARGEST_PICTURE, _LARGEST_PICTURE))
    small.save(buffer, 'PNG')
    return f'data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}'


def _image(title: str, address: str) -> str:
    """A picture for the page; ``address`` is one of ours."""
    if not address:
        return ''
    return f'<figure><img src="{html.escape(address)}" alt="{title}"><figcaption>{title}</figcaption></figure>'


def build_page(demo: DemoProcess, uploads: Uploads) -> Any:
    """The page, as ``gradio.Blocks``.

    Args:
        demo: Answers for its models.
        uploads: Where files wait for their request.

    Raises:
        ImportError: gradio is not installed.
    """
    # telemetry is off, and uploads go where they are removed again
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    os.environ['GRADIO_TEMP_DIR'] = str(uploads.folder)
    try:
        import gradio
    except ImportError as error:
        raise ImportError('The page needs gradio, which is not installed: pip install "eva_mm[demo]".') from error
    tasks = demo.tasks
    first = next(iter(tasks))

    def look(file: str | None, name: str) -> tuple:
        try:
            if not file:
                raise UserError(_NO_FILE)
            if not uploads.holds(file):
                raise UserError('The page takes files that were uploaded to it: choose one.')
            with uploads.held(file):
                answer = demo.answer(file, str(name))
        except (ValueError, OSError) as error:
            # the text of an error is part of the page, and where an upload was is nobody's business
            text = str(error).replace(f'{Path(file).parent}/', '') if file else str(error)
            raise gradio.Error(html.escape(printable(text)), print_exception=False) from error
        pictures = _image('Result', answer['picture']), _image('What the backbone sees', answer['colours'])
        return *pictures, answer['prediction'], html.escape(answer['remark']), None

    with gradio.Blocks(analytics_enabled=False, title='eva_mm') as page:
        gradio.Markdown('# eva_mm\nChoose an image or a video, a task and a model. Nothing leaves this machine.')
        with gradio.Row():
            suffixes = [suffix for kind in SUFFIXES.values() for suffix in kind]
            file = gradio.File(label='Image or video', file_types=suffixes, type='filepath', elem_id='file')
            with gradio.Column():
                task = gradio.Radio(list(tasks), value=first, label='Task', elem_id='task')
                model = gradio.Dropdown(tasks[first], value=tasks[first][0], label='Model', elem_id='model')
                button = gradio.Button('Look', variant='primary', elem_id='look')
                remark = gradio.Markdown(elem_id='remark')
        with gradio.Row():
            picture = gradio.HTML(elem_id='picture')
            colours = gradio.HTML(elem_id='colours')
        prediction = gradio.JSON(label='Prediction', elem_id='prediction')
        task.change(
            lambda chosen: gradio.Dropdown(tasks[chosen], value=tasks[chosen][0]), task, model, api_visibility='private'
        )
        outputs = [picture, colours, prediction, remark, file]
        button.click(look, [file, model], outputs, api_visibility='private')
    # one at a time: a model fills the memory
    return page.queue(default_concurrency_limit=1, max_size=8)


def launch(page: Any, port: int | None = None, block: bool = True) -> tuple[str, Any]:
    """Serve the page on the loopback only; its address and its server.

    Args:
        page: Of :func:`build_page`.
        port: ``None`` takes a free one.
        block: Whether to wait until it is stopped.
    """
    import gradio
    from starlette.middleware import Middleware

    max_bytes = MAX_MEGABYTES * 2**20
    _, address, _ = page.launch(
        server_name=HOST,
        server_port=port,
        share=False,
        max_file_size=max_bytes,
        prevent_thread_lock=not block,
        footer_links=[],
        # a request may have more around its file than the file
        app_kwargs=dict(middleware=[Middleware(Guard, max_bytes=max_bytes + 2**16)]),
        # the usual theme asks a server on the internet for its fonts
        theme=gradio.themes.Base(font=['system-ui', 'sans-serif'], font_mono=['monospace']),
        quiet=not block,
    )
    return address, page


def serve(
    models: Mapping[str, str | bool], device: str = 'cpu', port: int | None = None, keep_seconds: float = 1800.0
) -> None:
    """Serve a page until it is stopped; nothing of what was uploaded is left then.

    Args:
        models: Of :func:`parse_models`.
        device: Where models run.
        port: ``None`` takes a free one.
        keep_seconds: How long an upload may wait for its request.
    """
    # as Ctrl-C, so that what is registered below is run
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uploads = Uploads(keep_seconds)
    demo = DemoProcess(models, device, models_by_task(models))
    atexit.register(uploads.close)
    atexit.register(demo.close)
    launch(build_page(demo, uploads), port)
