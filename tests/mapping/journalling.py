"""A process that lives a map and journals it as fast as it can, until it is killed or has done its steps."""

from map_lives import ABOUT, DIM, live

from slam.mapfile.changes import MapWatch
from slam.mapfile.journal import MapJournal, write_map
from slam.mapfile.reader import load_map
from slam.mapping.map import Map
from slam.running.map_writer import MapWriter
from slam.tracking.placed import PlacedFrames


def journal(file, seed, steps, pipe):
    """Make the file or go on with it; every keyframe is told through the pipe once it was handed over."""
    if not file.exists():
        write_map(file, ABOUT, Map(DIM), PlacedFrames())
    loaded = load_map(file)
    world, placed = loaded.world, loaded.placed()
    watch = MapWatch(world, placed, known=world)
    writer = MapWriter(MapJournal(file, loaded.about, loaded.state), watch)
    for _ in range(steps):
        live(world, placed, seed)
        writer.record()
        pipe.send(world.next_keyframe_id)
    writer.close()
    pipe.send("closed")
