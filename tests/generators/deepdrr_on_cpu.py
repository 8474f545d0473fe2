"""DeepDRR without a GPU: the kernel of the installed package, compiled for the CPU as it stands.

What CUDA brings is stood in for by the shim below: thread indices, and texture reads by the rules of the CUDA C
Programming Guide (texture fetching): unnormalised coordinates, addresses clamped; the nearest element is the one
at floor(x); linear interpolation is at x - 0.5, here without the hardware's rounding of weights to 1/256.
"""

import ctypes
import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SHIM = r"""
#include <cmath>
#include <cstdint>
#include <cstdio>
#define __device__
#define __global__
#define __restrict__
#define CUDART_PI_F 3.141592654f
typedef unsigned long long cudaTextureObject_t;
static struct { int x, y; } threadIdx, blockIdx, blockDim;
struct Texture { const float* values; const uint8_t* labels; int size[3]; };
static long at(const Texture* t, int i, int j, int k) {
    int index[3] = {i, j, k};
    for (int a = 0; a < 3; a++) index[a] = index[a] < 0 ? 0 : index[a] >= t->size[a] ? t->size[a] - 1 : index[a];
    return ((long)index[0] * t->size[1] + index[1]) * t->size[2] + index[2];
}
template <class T> T tex3D(cudaTextureObject_t, float, float, float);
template <> int tex3D<int>(cudaTextureObject_t object, float x, float y, float z) {
    const Texture* t = (const Texture*)object;
    return t->labels[at(t, (int)std::floor(x), (int)std::floor(y), (int)std::floor(z))];
}
template <> float tex3D<float>(cudaTextureObject_t object, float x, float y, float z) {
    const Texture* t = (const Texture*)object;
    float p[3] = {x - 0.5f, y - 0.5f, z - 0.5f}, sum = 0;
    int base[3];
    for (int a = 0; a < 3; a++) base[a] = (int)std::floor(p[a]), p[a] -= base[a];
    for (int c = 0; c < 8; c++) {
        int d[3] = {c & 1, c >> 1 & 1, c >> 2 & 1};
        float weight = 1;
        for (int a = 0; a < 3; a++) weight *= d[a] ? p[a] : 1 - p[a];
        sum += weight * t->values[at(t, base[0] + d[0], base[1] + d[1], base[2] + d[2])];
    }
    return sum;
}
using std::ceil; using std::floor; using std::fmax; using std::fmin; using std::fabs;
#include "project_kernel.cu"
extern "C" void render(const float* values, const uint8_t* labels, const int* size, int width, int height,
                       float step, const float* source, float max_ray, const float* world_from_index,
                       const float* ijk_from_world, int bins, const float* energies, const float* pdf,
                       const float* table, float* intensity, float* photons) {
    Texture texture = {values, labels, {size[0], size[1], size[2]}};
    cudaTextureObject_t object = (cudaTextureObject_t)&texture;
    int zero[MESH_LAYERS] = {}, one = 1;
    int8_t invalid[MESH_LAYERS] = {};
    float low = -0.5f, high[3] = {size[0] - 0.5f, size[1] - 0.5f, size[2] - 0.5f}, unused = 1;
    blockDim.x = blockDim.y = 1;
    for (blockIdx.x = 0; blockIdx.x < width; blockIdx.x++)
        for (blockIdx.y = 0; blockIdx.y < height; blockIdx.y++)
            projectKernel(&object, &object, width, height, step, zero, &one, &low, &low, &low, &high[0], &high[1],
                          &high[2], &unused, &unused, &unused, &source[0], &source[1], &source[2], max_ray,
                          world_from_index, ijk_from_world, bins, energies, pdf, table, intensity, photons, nullptr,
                          nullptr, nullptr, invalid, nullptr, nullptr, 0, 0, 0);
}
"""


def import_deepdrr() -> ModuleType:
    """The package, or a skipped test. Without libusb open3d cannot be imported; it only reads meshes: stood in for."""
    if importlib.util.find_spec("deepdrr") is None:
        pytest.skip("the package deepdrr is not installed (pip install 'synthex[deepdrr]')")
    try:
        importlib.import_module("open3d")
    except (ImportError, OSError):
        for name in [name for name in sys.modules if name.split(".")[0] == "open3d"]:
            del sys.modules[name]
        sys.modules["open3d"] = ModuleType("open3d")
    return importlib.import_module("deepdrr")


def compile_kernel(folder: Path) -> ctypes.CDLL:
    """The package's kernel for one volume of three materials, as a library in ``folder``."""
    package = Path(importlib.import_module("deepdrr.projector").__file__).parent
    (folder / "shim.cpp").write_text(SHIM)
    for header in ("cubicTex3D.cu", "math_constants.h"):  # included, not used
        (folder / header).write_text("")
    defines = {"NUM_VOLUMES": 1, "NUM_MATERIALS": 3, "MESH_LAYERS": 2, "MAX_MESH_HITS": 4, "AIR_INDEX": 0}
    defines |= {"MESH_ADDITIVE_ENABLED": 0, "ATTENUATE_OUTSIDE_VOLUME": 0}
    command = ["g++", "-O2", "-w", "-shared", "-fPIC", *(f"-D{key}={value}" for key, value in defines.items())]
    command += [f"-I{folder}", f"-I{package}", "-o", str(folder / "kernel.so"), str(folder / "shim.cpp")]
    subprocess.run(command, check=True, timeout=200)
    return ctypes.CDLL(str(folder / "kernel.so"))


class CpuProjector:
    """A ``deepdrr.Projector`` whose image is made by the compiled kernel; noise is left out."""

    def __init__(self, projector, library: ctypes.CDLL):
        self.projector, self.library = projector, library
        self.spectrum_arr, self.device = projector.spectrum_arr, projector.device

    def initialize(self):
        """Nothing to do: no GPU is used."""

    free = initialize

    def project(self):
        """H x W, keV per photon."""
        volume, device, pointer = self.projector.volumes[0], self.device, np.ctypeslib.ndpointer
        materials = self.projector.all_materials
        names, ids = volume.materials
        labels = np.array([materials.index(name) for name in names], dtype=np.uint8)[ids]
        values = np.ascontiguousarray(volume.data, dtype=np.float32)
        projection = device.get_camera_projection()
        height, width = device.camera_intrinsics.sensor_height, device.camera_intrinsics.sensor_width
        source = np.array(volume.IJK_from_world @ projection.center_in_world, dtype=np.float32)[:3].copy()
        length = np.sqrt(device.source_to_detector_distance**2 + device.detector_height**2 + device.detector_width**2)
        world_from_index = np.array(projection.world_from_index[:-1, :], dtype=np.float32)
        ijk_from_world = np.asarray(volume.IJK_from_world, dtype=np.float32)[:3].copy()
        energies = np.array(self.spectrum_arr[:, 0] / 1000, dtype=np.float32)
        pdf = np.array(self.spectrum_arr[:, 1] / self.spectrum_arr[:, 1].sum(), dtype=np.float32)
        material = importlib.import_module("deepdrr.material").Material
        found = [[material.from_string(name).get_coefficients(e).mu_over_rho for name in materials] for e in energies]
        table = np.array(found, dtype=np.float32)
        intensity, photons = (np.empty((width, height), dtype=np.float32) for _ in range(2))
        real = pointer(np.float32, flags="C")
        self.library.render.argtypes = [
            *(real, pointer(np.uint8, flags="C"), pointer(np.int32, flags="C"), ctypes.c_int, ctypes.c_int),
            *(ctypes.c_float, real, ctypes.c_float, real, real, ctypes.c_int, real, real, real, real, real),
        ]
        size = np.array(values.shape, dtype=np.int32)
        arguments = (values, labels, size, width, height, self.projector.step, source, length, world_from_index)
        self.library.render(*arguments, ijk_from_world, len(energies), energies, pdf, table, intensity, photons)
        return intensity.T.copy()
