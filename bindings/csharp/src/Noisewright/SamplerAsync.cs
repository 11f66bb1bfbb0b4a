// SPDX-License-Identifier: Apache-2.0
// Owns runs whose model is awaited. They are made of next and step: no call waits inside the library.
using System.Runtime.CompilerServices;

namespace Noisewright;

public sealed partial class Sampler
{
    /// <summary>The loop from the present point to the end, with a model that is awaited. Leaving it
    /// early leaves the sampler where it is. With guidance, use <see cref="Next"/> and
    /// <see cref="Step(TensorRef, ReadOnlyTensorRef, ReadOnlyTensorRef)"/>.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="x">The state, dense.</param>
    /// <param name="shape">Its extents, batch first.</param>
    /// <param name="model">Evaluates the model.</param>
    /// <param name="cancellation">Asked before each evaluation, and given to the model.</param>
    /// <returns>Each evaluation, once its step is done.</returns>
    public async IAsyncEnumerable<Eval> StepsAsync<T>(Memory<T> x, long[] shape, AsyncModel<T> model,
        [EnumeratorCancellation] CancellationToken cancellation = default) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(model);
        var output = new T[x.Length];
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!Next(out Eval eval))
            {
                yield break;
            }
            await model(eval, x, output, cancellation).ConfigureAwait(false);
            Step(new Tensor<T>(x.Span, shape), new Tensor<T>(output, shape));
            yield return eval;
        }
    }

    /// <summary>The loop from the present point to the end, with a model that is awaited.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="x">The state, dense.</param>
    /// <param name="shape">Its extents, batch first.</param>
    /// <param name="model">Evaluates the model.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellation">Asked before each evaluation, and given to the model.</param>
    /// <returns>When the run is over.</returns>
    public async Task RunAsync<T>(Memory<T> x, long[] shape, AsyncModel<T> model,
        IProgress<Eval>? progress = null, CancellationToken cancellation = default)
        where T : unmanaged
    {
        await foreach (Eval eval in StepsAsync(x, shape, model, cancellation).ConfigureAwait(false))
        {
            progress?.Report(eval);
        }
    }
}
