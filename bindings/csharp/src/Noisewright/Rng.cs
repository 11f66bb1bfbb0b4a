// SPDX-License-Identifier: Apache-2.0
// Owns the random number generator, which is three numbers.
using System.Runtime.InteropServices;

namespace Noisewright;

/// <summary>A position in a Philox4x32-10 stream: a value, not an object. Nothing advances it but
/// you, and <see cref="NoisewrightContext.RandomGenerate(Spec, Distribution, ref Rng, TensorRef, double,
/// double)"/>, for whose other generators the three numbers mean what the page on noise says.</summary>
/// <param name="Seed">Equal seeds give equal numbers in every language and on every device.</param>
/// <param name="Stream">Streams of one seed are independent: one a sample makes results ignore
/// batching.</param>
/// <param name="Offset">In elements: add what was used.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct Rng(ulong Seed, ulong Stream = 0, ulong Offset = 0)
{
    /// <summary>The position some elements later.</summary>
    /// <param name="elements">How many were used.</param>
    /// <returns>The same stream from there.</returns>
    public Rng Skip(ulong elements) => this with { Offset = unchecked(Offset + elements) };
}
