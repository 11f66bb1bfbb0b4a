// SPDX-License-Identifier: Apache-2.0
// What the blocks of a page about C# stand in when docs/check runs them.
using Noisewright;

IProgress<Eval>? progress = null;
CancellationToken cancellation = default;
float[] images = new float[4096];

THE_LOOP

static void MyModel(double t, ReadOnlySpan<float> from, Span<float> to)
{
    for (int i = 0; i < from.Length; i++) to[i] = (float)(from[i] * t);
}

static ValueTask MyModelAsync(Eval eval, ReadOnlyMemory<float> from, Memory<float> to, CancellationToken cancellation)
{
    MyModel(eval.Clock, from.Span, to.Span);
    return ValueTask.CompletedTask;
}
