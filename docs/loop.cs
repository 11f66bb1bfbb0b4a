// SPDX-License-Identifier: Apache-2.0
// What the README's loop stands in when docs/check runs it; any function will do for a network.
using System.Runtime.InteropServices;
using Noisewright;

THE_LOOP
run.Next(out Eval end);
ulong hash = 0xcbf29ce484222325;
foreach (byte b in MemoryMarshal.AsBytes<float>(x)) hash = (hash ^ b) * 0x100000001b3;
Console.WriteLine($"{end.Index} evaluations, hash {hash:x16}");

static void Network(double t, float[] from, float[] to)
{
    for (int i = 0; i < from.Length; i++) to[i] = (float)(from[i] * t);
}
