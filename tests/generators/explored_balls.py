"""Serves the page of `synthex explore` over tiny anatomies, and prints its address."""

import uvicorn
from generators.anatomies import Balls

from synthex.explore import HOST, Explorer, Scenes, Subjects, make_app
from synthex.tasks import hip_landmarks

if __name__ == "__main__":
    scenes = Scenes({"hip_landmarks": lambda: Subjects(Balls(), hip_landmarks.build())})
    config = uvicorn.Config(make_app(Explorer(scenes, size=128), "token"), host=HOST, port=0, log_level="warning")
    socket = config.bind_socket()
    print(f"http://{HOST}:{socket.getsockname()[1]}/token/", flush=True)
    uvicorn.Server(config).run(sockets=[socket])
