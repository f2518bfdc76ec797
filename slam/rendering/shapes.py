"""Painted faces and the solids that are made of them. Frame: ``world``, metres, z up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from slam.rendering.textures import Paint, Rng
from slam.types import Float64, Uint8

SIDES = ("front", "right", "back", "left", "top", "bottom")
DISC_CORNERS = 20


@dataclass(frozen=True, eq=False)
class Face:
    """A flat painted patch: a parallelogram, or the ellipse inside it."""

    origin_world: Float64  # (3,) corner where the texture's top left lies
    edge_u_world: Float64  # (3,) along the texture's rows, left to right
    edge_v_world: Float64  # (3,) along its columns, top to bottom
    texture: Uint8  # (h, w, 3) RGB
    is_disc: bool = False
    is_two_sided: bool = False  # lit from either side: leaves
    is_luminous: bool = False  # its texture is what one sees: windows, screens, lamps

    @property
    def normal_world(self) -> Float64:
        """(3,) unit vector towards whoever reads the texture upright."""
        normal = np.cross(self.edge_v_world, self.edge_u_world)
        return normal / np.linalg.norm(normal)

    def outline(self) -> Float64:
        """(N, 2) corners of a convex outline, as fractions of the two edges."""
        if not self.is_disc:
            return np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        angle = np.linspace(0, 2 * np.pi, DISC_CORNERS, endpoint=False)
        return 0.5 + 0.5 * np.column_stack([np.cos(angle), np.sin(angle)])

    def at(self, uv: Float64) -> Float64:
        """points_world (..., 3) of fractions of the two edges (..., 2)."""
        return self.origin_world + uv[..., :1] * self.edge_u_world + uv[..., 1:] * self.edge_v_world


@dataclass(frozen=True, eq=False)
class Place:
    """Where a piece of furniture stands: its own x right, y back, z up; ``yaw_rad`` turns it about z."""

    position_world: Float64  # (3,)
    yaw_rad: float = 0.0

    def point(self, xyz: tuple[float, float, float]) -> Float64:
        return self.position_world + self.vector(xyz)

    def vector(self, xyz: tuple[float, float, float]) -> Float64:
        return Rotation.from_euler("z", self.yaw_rad).apply(np.asarray(xyz, np.float64))

    def shifted(self, xyz: tuple[float, float, float], yaw_rad: float = 0.0) -> Place:
        return Place(self.point(xyz), self.yaw_rad + yaw_rad)


def paint_face(
    rng: Rng, origin: Float64, edge_u: Float64, edge_v: Float64, paint: Paint, texel_m: float = 0.003, **flags: bool
) -> Face:
    """A face whose texture has square texels of ``texel_m`` metres, at least 4 x 4 of them."""
    width, height = (max(4, round(float(np.linalg.norm(edge)) / texel_m)) for edge in (edge_u, edge_v))
    return Face(origin, edge_u, edge_v, paint(rng, height, width), **flags)


def box(
    rng: Rng,
    place: Place,
    size: tuple[float, float, float],
    paint: Paint,
    texel_m: float = 0.003,
    hidden: tuple[str, ...] = ("bottom",),
    **special: Paint,
) -> list[Face]:
    """A block of ``size`` (x, y, z) metres standing on ``place``; ``front="..."`` and so on paint single sides."""
    x, y, z = size[0] / 2, size[1] / 2, size[2]
    down = (0.0, 0.0, -z)
    corners = {
        "front": ((-x, -y, z), (2 * x, 0.0, 0.0), down),
        "right": ((x, -y, z), (0.0, 2 * y, 0.0), down),
        "back": ((x, y, z), (-2 * x, 0.0, 0.0), down),
        "left": ((-x, y, z), (0.0, -2 * y, 0.0), down),
        "top": ((-x, y, z), (2 * x, 0.0, 0.0), (0.0, -2 * y, 0.0)),
        "bottom": ((-x, -y, 0.0), (2 * x, 0.0, 0.0), (0.0, 2 * y, 0.0)),
    }
    return [
        paint_face(rng, place.point(origin), place.vector(u), place.vector(v), special.get(side, paint), texel_m)
        for side, (origin, u, v) in corners.items()
        if side not in hidden
    ]


def cylinder(rng: Rng, place: Place, radius: float, height: float, paint: Paint, texel_m: float = 0.003) -> list[Face]:
    """An upright prism of 12 sides with a lid; one texture runs around it."""
    sides = 12
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    wide = max(4, round(2 * radius * np.sin(np.pi / sides) / texel_m))
    around = paint(rng, max(4, round(height / texel_m)), wide * sides)
    faces = []
    for i in range(sides):
        a, b = ((radius * np.cos(t), radius * np.sin(t), height) for t in angles[i : i + 2])
        edge = (b[0] - a[0], b[1] - a[1], 0.0)
        strip = around[:, i * wide : (i + 1) * wide]
        faces.append(Face(place.point(a), place.vector(edge), place.vector((0.0, 0.0, -height)), strip))
    lid = (-radius, radius, height)
    u, v = place.vector((2 * radius, 0.0, 0.0)), place.vector((0.0, -2 * radius, 0.0))
    return [*faces, paint_face(rng, place.point(lid), u, v, paint, texel_m, is_disc=True)]
