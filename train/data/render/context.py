"""An OpenGL context without a window, its program and its picture: the part of the renderer that holds state."""

from __future__ import annotations

import os

import numpy as np

from train.data.render import shaders

FOLDS_UNIT = 1  # of the texture units; the portrait has 0


class Canvas:
    """Draws one triangle mesh at a time into a square RGBA picture with moderngl on EGL.

    One per process: contexts must not be shared between forked workers.
    """

    def __init__(
        self, size: int, max_vertices: int, max_triangles: int, texture_size: int = 256, folds_size: int = 256
    ) -> None:
        """size: side of the picture in px; texture_size: side of the square portrait texture in px, folds_size: of the
        map of folds."""
        # The software rasteriser starts a thread per core by default; workers share the cores among themselves.
        os.environ.setdefault("LP_NUM_THREADS", "0")
        import moderngl

        self.size = size
        self.texture_size = texture_size
        self.context = moderngl.create_context(standalone=True, backend="egl", require=330)
        self._vertices = self.context.buffer(reserve=max_vertices * shaders.FLOATS_PER_VERTEX * 4, dynamic=True)
        self._indices = self.context.buffer(reserve=max_triangles * 12, dynamic=True)
        self._programs, self._arrays = {}, {}
        for kind, fragment in shaders.FRAGMENTS.items():
            program = self.context.program(vertex_shader=shaders.VERTEX, fragment_shader=fragment)
            # A program lists only what its shader uses; the rest of the vertex is skipped over.
            names = [name for name in shaders.ATTRIBUTES if name in program]
            layout = " ".join(
                f"{count}f" if name in program else f"{4 * count}x" for name, count in shaders.ATTRIBUTES.items()
            )
            if "folds" in program:
                program["folds"].value = FOLDS_UNIT
            self._programs[kind] = program
            self._arrays[kind] = self.context.vertex_array(program, [(self._vertices, layout, *names)], self._indices)
        self._texture, self._folds = (self.context.texture((side, side), 3) for side in (texture_size, folds_size))
        for texture in (self._texture, self._folds):
            texture.repeat_x = texture.repeat_y = False
            texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._colour = self.context.texture((size, size), 4)
        self._frame = self.context.framebuffer([self._colour], self.context.depth_renderbuffer((size, size)))
        self._depth_test = moderngl.DEPTH_TEST
        self._current_texture: np.ndarray | None = None

    def draw(
        self,
        vertices: np.ndarray,
        faces: dict[int, np.ndarray],
        texture: np.ndarray,
        folds: np.ndarray,
        uniforms: dict[str, object],
    ) -> np.ndarray:
        """Draw and read back.

        vertices (V, 17) f32 as `shaders.ATTRIBUTES` says, positions in clip space; faces kind -> triangles (F, 3) i32;
        texture (texture_size, texture_size, 3) u8 RGB; folds (folds_size, folds_size, 3) u8. Returns (size, size, 4)
        u8, row 0 at clip y = -1, colour premultiplied, alpha 255 where the mesh covers the pixel's centre.
        """
        self._vertices.write(np.ascontiguousarray(vertices, np.float32))
        self._indices.write(np.ascontiguousarray(np.concatenate(list(faces.values())), np.int32))
        if self._current_texture is not texture:
            self._texture.write(np.ascontiguousarray(texture))
            self._current_texture = texture
        self._frame.use()
        self._frame.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        self.context.enable_only(self._depth_test)
        self._folds.write(np.ascontiguousarray(folds))
        self._texture.use(0)
        self._folds.use(FOLDS_UNIT)
        first = 0
        for kind, triangles in faces.items():
            if len(triangles):
                program = self._programs[kind]
                for name, value in uniforms.items():
                    if name in program:
                        program[name].value = value
                self._arrays[kind].render(vertices=triangles.size, first=first)
                first += triangles.size
        data = self._frame.read(components=4, alignment=1)
        return np.frombuffer(data, np.uint8).reshape(self.size, self.size, 4)

    def release(self) -> None:
        """Give the context back."""
        self.context.release()
