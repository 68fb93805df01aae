"""A page in the browser: an image or a video, a model, its result beside what its backbone sees."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference import Inferencer, build_inferencer
from eva_mm.apis.inference.features import FeatureInferencer
from eva_mm.apis.model_index import find_model, find_weights, model_index

HOST = '127.0.0.1'
MAX_MEGABYTES = 50
SUFFIXES = {
    'image': ('.jpg', '.jpeg', '.png', '.bmp', '.webp'),
    'video': ('.mp4', '.avi', '.mkv', '.webm', '.mov'),
}
RANDOM = 'random'


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


class Demo:
    """What the page calls. One model is kept at a time.

    Args:
        models: Name to checkpoint; ``False`` is random weights.
        device: Where models run.
    """

    def __init__(self, models: Mapping[str, str | bool], device: str = 'cpu') -> None:
        self.models, self.device = dict(models), device
        self._name, self._inferencer = '', None

    @property
    def tasks(self) -> dict[str, list[str]]:
        """Names of models by task."""
        tasks: dict[str, list[str]] = {}
        for name in self.models:
            tasks.setdefault(find_model(name).task, []).append(name)
        return tasks

    def _load(self, name: str) -> Inferencer:
        if name not in self.models:
            raise UserError(f'The page has no model {name!r}: choose from {", ".join(self.models)}.')
        if name != self._name:
            self._name, self._inferencer = '', None
            self._inferencer = build_inferencer(name, self.models[name], device=self.device)
            self._name = name
        return self._inferencer

    def look(self, file: str | None, name: str) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any], str]:
        """The picture with the prediction, the features as colours, the prediction, and a remark.

        Raises:
            UserError: No file, or one of a kind that the model does not take or that cannot be read.
        """
        if not file:
            raise UserError('There is no file yet: choose an image or a video first.')
        inferencer = self._load(name)
        allowed = SUFFIXES[inferencer.media]
        if Path(file).suffix.lower() not in allowed:
            raise UserError(
                f'{Path(file).name} is no {inferencer.media} that {name} takes: choose one of {", ".join(allowed)}.'
            )
        result = inferencer(file)[0]
        if result.error:
            raise UserError(result.error)
        colours, remark = None, f'{name} on {Path(file).name}.'
        if inferencer.media == 'image':
            seen = FeatureInferencer(inferencer.model, inferencer.cfg, half=inferencer.half)(file)[0]
            colours = seen.picture
            remark += f' Features: {" x ".join(map(str, seen.prediction["grid"]))} patches as colours.'
        else:
            remark += ' Features are drawn of models for images.'
        if self.models[name] is False:
            remark += ' The weights are random: the result means nothing.'
        return result.picture, colours, result.prediction, remark


def build_page(demo: Demo) -> Any:
    """The page, as ``gradio.Blocks``.

    Raises:
        ImportError: gradio is not installed.
    """
    # nothing is told to anybody
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    try:
        import gradio
    except ImportError as error:
        raise ImportError('The page needs gradio, which is not installed: pip install "eva_mm[demo]".') from error
    tasks = demo.tasks
    first = next(iter(tasks))

    def look(file: str | None, name: str) -> tuple:
        try:
            return demo.look(file, name)
        except (ValueError, OSError) as error:
            raise gradio.Error(str(error), print_exception=False) from error

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
            # without the button that posts a picture on a public site
            shown = dict(interactive=False, buttons=['download', 'fullscreen'])
            picture = gradio.Image(label='Result', elem_id='picture', **shown)
            colours = gradio.Image(label='What the backbone sees', elem_id='colours', **shown)
        prediction = gradio.JSON(label='Prediction', elem_id='prediction')
        task.change(
            lambda chosen: gradio.Dropdown(tasks[chosen], value=tasks[chosen][0]), task, model, api_visibility='private'
        )
        button.click(look, [file, model], [picture, colours, prediction, remark], api_visibility='private')
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

    _, address, _ = page.launch(
        server_name=HOST,
        server_port=port,
        share=False,
        max_file_size=MAX_MEGABYTES * 2**20,
        prevent_thread_lock=not block,
        footer_links=[],
        # the usual theme asks a server on the internet for its fonts
        theme=gradio.themes.Base(font=['system-ui', 'sans-serif'], font_mono=['monospace']),
        quiet=not block,
    )
    return address, page
