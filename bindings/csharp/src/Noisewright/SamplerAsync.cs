// SPDX-License-Identifier: Apache-2.0
// Owns runs whose model is awaited. They are made of next and step: no call waits inside the library.
using System.Runtime.CompilerServices;

namespace Noisewright;

public sealed partial class Sampler
{
    /// <summary>The loop from the present point to the end, with a model that is awaited. Leaving it
    /// early leaves the sampler where it is. The model is not asked where the step only adds
    /// noise.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="x">The state, dense.</param>
    /// <param name="shape">Its extents, batch first.</param>
    /// <param name="model">Evaluates the model.</param>
    /// <param name="cancellation">Asked before each evaluation, and given to the model.</param>
    /// <returns>Each evaluation, once its step is done.</returns>
    /// <exception cref="InvalidOperationException">An evaluation asks for more than one output, which
    /// takes an <see cref="AsyncMultiOutputModel{T}"/>.</exception>
    public IAsyncEnumerable<Eval> StepsAsync<T>(Memory<T> x, long[] shape, AsyncModel<T> model,
        CancellationToken cancellation = default) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(model);
        return StepsAsync(x, shape, One(model), cancellation);
    }

    private static AsyncMultiOutputModel<T> One<T>(AsyncModel<T> model) where T : unmanaged =>
        (eval, x, outputs, cancellation) =>
        {
            Interop.Run.Require(eval, 1);
            return model(eval, x, outputs[0], cancellation);
        };

    /// <summary>The same with a model that writes as many outputs as each evaluation asks
    /// for.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="x">The state, dense.</param>
    /// <param name="shape">Its extents, batch first.</param>
    /// <param name="model">Evaluates the model.</param>
    /// <param name="cancellation">Asked before each evaluation, and given to the model.</param>
    /// <returns>Each evaluation, once its step is done.</returns>
    public async IAsyncEnumerable<Eval> StepsAsync<T>(Memory<T> x, long[] shape,
        AsyncMultiOutputModel<T> model,
        [EnumeratorCancellation] CancellationToken cancellation = default) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(model);
        Memory<T>[] outputs = [];
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!Next(out Eval eval))
            {
                yield break;
            }
            int count = eval.Noises ? 0 : eval.OutputCount;
            if (outputs.Length < count)
            {
                outputs = [.. outputs, .. from _ in Enumerable.Range(outputs.Length, count - outputs.Length)
                    select new Memory<T>(new T[x.Length])];
            }
            if (count > 0)
            {
                await model(eval, x, new ArraySegment<Memory<T>>(outputs, 0, count), cancellation)
                    .ConfigureAwait(false);
            }
            Step(x, shape, outputs.AsSpan(0, count));
            yield return eval;
        }
    }

    private void Step<T>(Memory<T> x, long[] shape, ReadOnlySpan<Memory<T>> outputs) where T : unmanaged
    {
        var state = new Tensor<T>(x.Span, shape);
        if (outputs.IsEmpty)
        {
            Step(state);
            return;
        }
        Step(state, Output(outputs, 0, shape), Output(outputs, 1, shape), Output(outputs, 2, shape),
            Output(outputs, 3, shape));
    }

    private static ReadOnlyTensorRef Output<T>(ReadOnlySpan<Memory<T>> outputs, int index, long[] shape)
        where T : unmanaged =>
        index < outputs.Length ? new Tensor<T>(outputs[index].Span, shape) : default(ReadOnlyTensorRef);

    /// <summary>The loop from the present point to the end, with a model that is awaited.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="x">The state, dense.</param>
    /// <param name="shape">Its extents, batch first.</param>
    /// <param name="model">Evaluates the model.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellation">Asked before each evaluation, and given to the model.</param>
    /// <returns>When the run is over.</returns>
    public Task RunAsync<T>(Memory<T> x, long[] shape, AsyncModel<T> model,
        IProgress<Eval>? progress = null, CancellationToken cancellation = default)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(model);
        return RunAsync(x, shape, One(model), progress, cancellation);
    }

    /// <summary>The same with a model that writes as many outputs as each evaluation asks
    /// for.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="x">The state, dense.</param>
    /// <param name="shape">Its extents, batch first.</param>
    /// <param name="model">Evaluates the model.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellation">Asked before each evaluation, and given to the model.</param>
    /// <returns>When the run is over.</returns>
    public async Task RunAsync<T>(Memory<T> x, long[] shape, AsyncMultiOutputModel<T> model,
        IProgress<Eval>? progress = null, CancellationToken cancellation = default)
        where T : unmanaged
    {
        await foreach (Eval eval in StepsAsync(x, shape, model, cancellation).ConfigureAwait(false))
        {
            progress?.Report(eval);
        }
    }
}
