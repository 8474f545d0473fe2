"""The page's server: loopback only, behind a random token, one image at a time and always the newest state."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from synthex.core import UserError, optional_import
from synthex.explore.config import as_config
from synthex.explore.controls import State, described, make_controls, read_state
from synthex.explore.messages import answer_facts, frame_facts, packed
from synthex.explore.rendering import Frame, render
from synthex.explore.saving import archive
from synthex.explore.scenes import Scenes
from synthex.runs import Model

if TYPE_CHECKING:
    from starlette.applications import Starlette

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "page"
SIZES = (128, 192, 256)
"""Columns of images while something moves: the largest that keeps up."""

SLOW_S, FAST_S = 0.11, 0.05
"""A frame that takes longer than the one makes the next coarser, shorter than the other finer: 8 frames a second need
0.125 s, and the page has to draw them."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(eq=False)
class Explorer:
    """What the page shows: scenes, and a model that answers about them.

    Attributes:
        scenes: What can be X-rayed.
        model: Loads what is asked about the images, when it is first asked; None: nobody.
        model_name: What the page calls it.
        size: Columns of images at rest.
        subjects: The greatest number of subjects of a scene.
    """

    scenes: Scenes
    model: Callable[[], Model] | None = None
    model_name: str = "model"
    size: int = 512
    subjects: int = 16
    moving_size: int = field(default=SIZES[-1], init=False)
    answer_s: float = field(default=1.0, init=False)

    def __post_init__(self) -> None:
        self.controls = make_controls(self.scenes.names, self.subjects)
        self._model: Model | None = None

    def page_facts(self) -> dict[str, Any]:
        """What the page is built from."""
        return {"controls": described(self.controls), "model": None if self.model is None else self.model_name}

    def frame(self, state: State, size: int) -> Frame:
        """The image of a checked state."""
        scene = self.scenes.scene(state["scene"], int(state["subject"]), int(state["draw"]))
        return render(scene, self.scenes.task(state["scene"]), state, size)

    def moving_frame(self, state: State) -> Frame:
        """A coarse image, whose size follows how long the last one took."""
        made = self.frame(state, self.moving_size)
        self.moving_size = next_size(self.moving_size, made.seconds)
        return made

    def facts(self, frame: Frame, state: State) -> dict[str, Any]:
        """What the page is told of a frame."""
        return frame_facts(frame, self.scenes.task(state["scene"]))

    def answer(self, frame: Frame, state: State) -> dict[str, Any]:
        """What the model says about a frame.

        Raises:
            InputError: There is no such model.
        """
        if self._model is None:
            assert self.model is not None
            self._model = self.model()
        started = time.perf_counter()
        said = self._model.predict(frame.sample.image, pixel_mm=frame.sample.pixel_mm, meaning=frame.sample.domain)
        self.answer_s = time.perf_counter() - started
        return answer_facts(said, frame, self.scenes.task(state["scene"]), self.answer_s)


def next_size(size: int, seconds: float) -> int:
    """The columns of the next image of a movement."""
    step = -1 if seconds > SLOW_S else 1 if seconds < FAST_S else 0
    return SIZES[min(max(SIZES.index(size) + step, 0), len(SIZES) - 1)]


def make_app(explorer: Explorer, token: str) -> "Starlette":
    """The application; everything lies below ``/<token>/``, and only loopback names are answered.

    Args:
        explorer: What is shown.
        token: A secret of this process: other users of the machine and other pages in the browser do not know it.

    Raises:
        MissingExtraError: The extra ``explore`` is not installed.
    """
    optional_import("uvicorn", "explore")
    optional_import("websockets", "explore")
    optional_import("starlette", "explore")
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
    from starlette.routing import Mount, Route, WebSocketRoute
    from starlette.websockets import WebSocket, WebSocketDisconnect

    rendering = asyncio.Lock()

    async def file(request: Request) -> Response:
        name = request.path_params.get("name") or "index.html"
        if name not in ("index.html", "explore.css", "explore.js", "icon.svg"):
            return PlainTextResponse("there is no such page", 404)
        return FileResponse(PAGE / name, headers=_HEADERS)

    async def facts(_: Request) -> Response:
        return JSONResponse(explorer.page_facts(), headers=_HEADERS)

    async def told(request: Request) -> Response:
        what = request.path_params["what"]
        if what not in ("config", "archive"):
            return PlainTextResponse("there is nothing to ask for there", 404)
        try:
            state = read_state(await request.json(), explorer.controls)
            if what == "config":
                return PlainTextResponse(as_config(state), headers=_HEADERS)
            async with rendering:
                frame = await asyncio.to_thread(explorer.frame, state, explorer.size)
                made = await asyncio.to_thread(archive, frame, explorer.scenes.task(state["scene"]), state)
        except (UserError, ValueError) as error:
            return PlainTextResponse(str(error), 400)
        named = {"Content-Disposition": 'attachment; filename="synthex-explored.zip"'}
        return Response(made, media_type="application/zip", headers=_HEADERS | named)

    async def live(socket: WebSocket) -> None:
        origin = urlsplit(socket.headers.get("origin", f"http://{HOST}")).hostname
        if origin not in (HOST, "localhost"):
            await socket.close()
            return
        await socket.accept()
        newest = _Newest()
        answering = asyncio.create_task(_answer_newest(explorer, socket, newest, rendering))
        try:
            while True:
                newest.put(json.loads(await socket.receive_text()))
        except (WebSocketDisconnect, ValueError):
            pass
        finally:
            answering.cancel()

    routes = [
        Route("/", file),
        Route("/facts", facts),
        Route("/{what:str}", told, methods=["POST"]),
        WebSocketRoute("/live", live),
        Route("/{name:str}", file),
    ]
    return Starlette(
        routes=[Mount(f"/{token}", routes=routes)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
    )


class _Newest:
    """A place for one message: a newer one replaces what nobody has taken."""

    def __init__(self) -> None:
        self._message: Mapping[str, Any] | None = None
        self._there = asyncio.Event()

    def put(self, message: Any) -> None:
        self._message = message if isinstance(message, Mapping) else {}
        self._there.set()

    @property
    def waiting(self) -> bool:
        return self._message is not None

    async def take(self) -> Mapping[str, Any]:
        await self._there.wait()
        self._there.clear()
        message, self._message = self._message, None
        return message or {}


async def _answer_newest(explorer: Explorer, socket: Any, newest: _Newest, rendering: asyncio.Lock) -> None:
    """Send the frame of the newest state, then the model's answer if nothing newer has come."""
    while True:
        message = await newest.take()
        moving, number = bool(message.get("moving")), message.get("number", 0)
        try:
            state = read_state(message.get("state", {}), explorer.controls)
            async with rendering:
                if moving:
                    frame = await asyncio.to_thread(explorer.moving_frame, state)
                else:
                    frame = await asyncio.to_thread(explorer.frame, state, explorer.size)
            told = {"number": number, "moving": moving}
            await socket.send_bytes(packed(explorer.facts(frame, state) | told, frame.shown.tobytes()))
            # While something moves, only a model that is fast enough not to hold up the pictures is asked.
            if explorer.model is None or not message.get("ask") or (moving and explorer.answer_s > FAST_S):
                continue
            if not newest.waiting:
                async with rendering:
                    answer = await asyncio.to_thread(explorer.answer, frame, state)
                await socket.send_bytes(packed(answer | told))
        except UserError as error:
            await socket.send_bytes(packed({"kind": "error", "message": str(error), "number": number}))
