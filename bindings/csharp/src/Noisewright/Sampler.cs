// SPDX-License-Identifier: Apache-2.0
// Owns runs through time, by evaluations or by a model.
using Noisewright.Interop;

namespace Noisewright;

/// <summary>Which sampler, for which model, over which times, with which noise.</summary>
public sealed record SamplerOptions
{
    /// <summary>"ddim(eta=0.5)", or of <see cref="Samplers"/>. None is euler.</summary>
    public Spec Spec { get; init; }

    /// <summary>What the model returns.</summary>
    public Quantity Prediction { get; init; } = Quantity.Velocity;

    /// <summary>Steps of the default grid, where there are no times; 0 is 50.</summary>
    public int Steps { get; init; }

    /// <summary>Times, one more than the steps; several rows one after the other. They may turn back,
    /// to go through a stretch again: see <see cref="Eval.Noises"/>.</summary>
    public IReadOnlyList<double>? Times { get; init; }

    /// <summary>1 where the batch shares its times; else one row a sample.</summary>
    public int TimeRows { get; init; } = 1;

    /// <summary>One generator, or one a sample so that results ignore batching.</summary>
    public IReadOnlyList<Rng>? Rngs { get; init; }

    /// <summary>What draws from <see cref="Rngs"/>: "torch-cpu", or of <see cref="Generators"/>. None
    /// is Philox, in the pass itself.</summary>
    public Spec Generator { get; init; }

    /// <summary>The clock that the model was trained to read.</summary>
    public Clock Clock { get; init; } = Clock.T;

    /// <summary>Whether <see cref="Sampler.Denoised"/> is wanted.</summary>
    public bool KeepDenoised { get; init; }

    /// <summary>Draws the noise in place of the generators; kept.</summary>
    public NoiseSource? Noise { get; init; }
}

/// <summary>One run through time. It says which point it wants a model evaluated at, and moves your
/// own array. One thread at a time may use it.</summary>
public sealed unsafe partial class Sampler : IDisposable
{
    internal readonly SamplerHandle Handle = new();

    /// <summary>Makes a sampler, which keeps its context and its schedule.</summary>
    /// <param name="context">Where it runs.</param>
    /// <param name="schedule">The schedule of the model.</param>
    /// <param name="options">Which sampler.</param>
    /// <exception cref="NoisewrightException">Among others, <see cref="Status.Singular"/>: the
    /// prediction does not determine a step.</exception>
    public Sampler(NoisewrightContext context, Schedule schedule, SamplerOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(schedule);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Steps);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.TimeRows);
        double[]? times = options.Times is null ? null : [.. options.Times];
        Rng[]? rngs = options.Rngs is null ? null : [.. options.Rngs];
        int count = times?.Length ?? 0;
        if (count % options.TimeRows != 0)
        {
            throw new ArgumentException(
                $"The {count} times are not {options.TimeRows} rows of one length.", nameof(options));
        }
        void* user = options.Noise is null ? null : Callbacks.Hold(options.Noise);
        try
        {
            using var place = new Lease(context.Handle);
            using var path = new Lease(schedule.Handle);
            fixed (byte* name = Utf8.Of(options.Spec.Text), source = Utf8.Of(options.Generator.Text))
            fixed (double* rows = times)
            fixed (Rng* generators = rngs)
            {
                NwrSamplerOptions given = new()
                {
                    StructSize = (uint)sizeof(NwrSamplerOptions),
                    Flags = options.KeepDenoised ? (uint)NwrSamplerFlags.KeepDenoised : 0,
                    Name = name,
                    Prediction = options.Prediction,
                    Steps = (uint)options.Steps,
                    Times = rows,
                    TimeCount = (uint)(count / options.TimeRows),
                    TimeRows = (uint)options.TimeRows,
                    Rngs = (NwrRng*)generators,
                    RngCount = (uint)(rngs?.Length ?? 0),
                    Clock = options.Clock,
                    Generator = source,
                };
                if (user != null)
                {
                    given.Noise = &Callbacks.Noise;
                    given.Release = &Callbacks.Release;
                    given.User = user;
                }
                void* made;
                Outcome.Check(Native.SamplerCreate(place.Pointer, path.Pointer, &given, &made));
                Handle.Take(made);
            }
        }
        catch
        {
            // The library releases only what it has made.
            Callbacks.LetGo(user);
            throw;
        }
    }

    private Sampler(void* made) => Handle.Take(made);

    /// <summary>Makes the sampler that was saved, to go on to the same bits.</summary>
    /// <param name="context">Where it runs.</param>
    /// <param name="schedule">The schedule that it was saved on.</param>
    /// <param name="saved">What <see cref="Save"/> gave.</param>
    /// <returns>The sampler.</returns>
    /// <exception cref="NoisewrightException"><see cref="Status.Corrupt"/> for damaged
    /// bytes.</exception>
    public static Sampler Load(NoisewrightContext context, Schedule schedule,
        ReadOnlySpan<byte> saved)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(schedule);
        using var place = new Lease(context.Handle);
        using var path = new Lease(schedule.Handle);
        fixed (byte* bytes = saved)
        {
            void* made;
            Outcome.Check(Native.SamplerLoad(place.Pointer, path.Pointer, bytes,
                (nuint)saved.Length, &made));
            return new Sampler(made);
        }
    }

    /// <summary>All but x, as bytes that any machine and language can load.</summary>
    /// <returns>The bytes.</returns>
    public byte[] Save()
    {
        using var sampler = new Lease(Handle);
        nuint size;
        Outcome.Check(Native.SamplerSave(sampler.Pointer, null, 0, &size));
        var bytes = new byte[size];
        fixed (byte* to = bytes)
        {
            Outcome.Check(Native.SamplerSave(sampler.Pointer, to, size, &size));
        }
        return bytes;
    }

    /// <summary>Begins, or begins the same run again with the same noise. Fixes the shape and the
    /// element type of x for this run.</summary>
    /// <param name="x">The state.</param>
    /// <param name="from">What it holds.</param>
    public void Start(TensorRef x, StartFrom from = StartFrom.Prior)
    {
        using var sampler = new Lease(Handle);
        View a = x.View;
        fixed (byte* data = &a.Data)
        fixed (long* shape = a.Shape, strides = a.Strides)
        {
            NwrTensor state = a.Pinned(data, shape, strides);
            Outcome.Check(Native.SamplerStart(sampler.Pointer, &state, from));
        }
    }

    /// <summary>What to evaluate next. Changes nothing.</summary>
    /// <param name="eval">The evaluation; at the end, the end's time.</param>
    /// <returns>False at the end.</returns>
    public bool Next(out Eval eval)
    {
        using var sampler = new Lease(Handle);
        NwrEval next;
        next.StructSize = (uint)sizeof(NwrEval);
        Status status = Outcome.Check(Native.SamplerNext(sampler.Pointer, &next));
        eval = new Eval(&next);
        return status == Status.Ok;
    }

    /// <summary>Takes the model's output at x and writes the next point to evaluate into x.</summary>
    /// <param name="x">The state.</param>
    /// <param name="output">Of x's shape and any floating-point type.</param>
    public void Step(TensorRef x, ReadOnlyTensorRef output)
    {
        using var sampler = new Lease(Handle);
        View a = x.View, b = output.View;
        fixed (byte* aData = &a.Data, bData = &b.Data)
        fixed (long* aShape = a.Shape, aStrides = a.Strides, bShape = b.Shape, bStrides = b.Strides)
        {
            NwrTensor state = a.Pinned(aData, aShape, aStrides);
            NwrTensor given = b.Pinned(bData, bShape, bStrides);
            Outcome.Check(Native.SamplerStep(sampler.Pointer, &state, &given, 1));
        }
    }

    /// <summary>The same with as many outputs as the evaluation asks for: with all conditions; where
    /// there is guidance_image, with the image alone; where guidance acts, with none; and with
    /// variance=learned_range the share of the variance. Those that it does not ask for are
    /// default.</summary>
    /// <param name="x">The state.</param>
    /// <param name="first">The first output.</param>
    /// <param name="second">The second.</param>
    /// <param name="third">The third.</param>
    /// <param name="fourth">The fourth.</param>
    public void Step(TensorRef x, ReadOnlyTensorRef first, ReadOnlyTensorRef second,
        ReadOnlyTensorRef third = default, ReadOnlyTensorRef fourth = default)
    {
        using var sampler = new Lease(Handle);
        View a = x.View, b = first.View, c = second.View, d = third.View, e = fourth.View;
        fixed (byte* aData = &a.Data, bData = &b.Data, cData = &c.Data, dData = &d.Data, eData = &e.Data)
        fixed (long* aShape = a.Shape, aStrides = a.Strides, bShape = b.Shape, bStrides = b.Strides)
        fixed (long* cShape = c.Shape, cStrides = c.Strides, dShape = d.Shape, dStrides = d.Strides)
        fixed (long* eShape = e.Shape, eStrides = e.Strides)
        {
            NwrTensor state = a.Pinned(aData, aShape, aStrides);
            NwrTensor* given = stackalloc NwrTensor[4];
            given[0] = b.Pinned(bData, bShape, bStrides);
            given[1] = c.Pinned(cData, cShape, cStrides);
            given[2] = d.Pinned(dData, dShape, dStrides);
            given[3] = e.Pinned(eData, eShape, eStrides);
            nuint count = !e.IsNull ? 4u : !d.IsNull ? 3u : !c.IsNull ? 2u : 1u;
            Outcome.Check(Native.SamplerStep(sampler.Pointer, &state, given, count));
        }
    }

    /// <summary>Steps where <see cref="Eval.Noises"/>: what only adds noise needs no output.</summary>
    /// <param name="x">The state.</param>
    public void Step(TensorRef x)
    {
        using var sampler = new Lease(Handle);
        View a = x.View;
        fixed (byte* data = &a.Data)
        fixed (long* shape = a.Shape, strides = a.Strides)
        {
            NwrTensor state = a.Pinned(data, shape, strides);
            Outcome.Check(Native.SamplerStep(sampler.Pointer, &state, null, 0));
        }
    }

    /// <summary>Writes the last evaluation's estimate of the clean sample: a preview, or the last
    /// step's. Needs <see cref="SamplerOptions.KeepDenoised"/>.</summary>
    /// <param name="estimate">Of x's shape and any floating-point type.</param>
    public void Denoised(TensorRef estimate)
    {
        using var sampler = new Lease(Handle);
        View a = estimate.View;
        fixed (byte* data = &a.Data)
        fixed (long* shape = a.Shape, strides = a.Strides)
        {
            NwrTensor target = a.Pinned(data, shape, strides);
            Outcome.Check(Native.SamplerDenoised(sampler.Pointer, &target));
        }
    }

    /// <summary>The evaluations to the end, for a loop whose body calls
    /// <see cref="Step(TensorRef, ReadOnlyTensorRef)"/>.</summary>
    /// <returns>One after the other, from the present point on.</returns>
    /// <exception cref="InvalidOperationException">The loop's body did not step.</exception>
    public IEnumerable<Eval> Evaluations()
    {
        int before = -1;
        while (Next(out Eval eval))
        {
            if (eval.Index == before)
            {
                throw new InvalidOperationException("The loop's body did not call Step.");
            }
            before = eval.Index;
            yield return eval;
        }
    }

    /// <summary>The whole run: fills x with noise and takes it to the end.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="x">The state.</param>
    /// <param name="model">Evaluates the model.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellation">Asked before each evaluation and after each step.</param>
    public void Sample<T>(Tensor<T> x, Model<T> model, IProgress<Eval>? progress = null,
        CancellationToken cancellation = default) where T : unmanaged
    {
        Start(x);
        Run(x, model, progress, cancellation);
    }

    /// <summary>The loop from the present point to the end.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="x">The state.</param>
    /// <param name="model">Evaluates the model.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellation">Asked before each evaluation and after each step.</param>
    /// <exception cref="OperationCanceledException">Cancelled: Run goes on from there.</exception>
    /// <exception cref="InvalidOperationException">An evaluation asks for more than one output, which
    /// takes a <see cref="GuidedModel{T}"/> or a <see cref="MultiOutputModel{T}"/>.</exception>
    public void Run<T>(Tensor<T> x, Model<T> model, IProgress<Eval>? progress = null,
        CancellationToken cancellation = default) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(model);
        Run(x, new PlainRun<T>(model, progress, cancellation), cancellation);
    }

    /// <summary>The same for a sampler whose every evaluation asks for two outputs: one with guidance
    /// other than 1.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="x">The state.</param>
    /// <param name="model">Evaluates the model with its condition and without.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellation">Asked before each evaluation and after each step.</param>
    /// <exception cref="OperationCanceledException">Cancelled: Run goes on from there.</exception>
    /// <exception cref="InvalidOperationException">An evaluation asks for another number of
    /// outputs.</exception>
    public void Run<T>(Tensor<T> x, GuidedModel<T> model, IProgress<Eval>? progress = null,
        CancellationToken cancellation = default) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(model);
        Run(x, new GuidedRun<T>(model, progress, cancellation), cancellation);
    }

    /// <summary>The same for any sampler: the model writes as many outputs as each evaluation asks
    /// for. It is not called where the step only adds noise.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="x">The state.</param>
    /// <param name="model">Evaluates the model.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellation">Asked before each evaluation and after each step.</param>
    /// <exception cref="OperationCanceledException">Cancelled: Run goes on from there.</exception>
    public void Run<T>(Tensor<T> x, MultiOutputModel<T> model, IProgress<Eval>? progress = null,
        CancellationToken cancellation = default) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(model);
        Run(x, new MultiOutputRun<T>(model, progress, cancellation), cancellation);
    }

    private void Run(TensorRef x, Run run, CancellationToken cancellation)
    {
        using var sampler = new Lease(Handle);
        View a = x.View;
        void* user = null;
        try
        {
            user = Callbacks.Hold(run);
            fixed (byte* data = &a.Data)
            fixed (long* shape = a.Shape, strides = a.Strides)
            {
                NwrTensor state = a.Pinned(data, shape, strides);
                NwrCallbacks callbacks = new()
                {
                    StructSize = (uint)sizeof(NwrCallbacks),
                    Model = &Callbacks.Model,
                    Progress = &Callbacks.Progress,
                    User = user,
                };
                if (Outcome.Check(Native.SamplerRun(sampler.Pointer, &state, &callbacks)) ==
                    Status.Cancelled)
                {
                    throw new OperationCanceledException(cancellation);
                }
            }
        }
        finally
        {
            Callbacks.LetGo(user);
        }
    }

    /// <summary>Makes a run on another thread end at its next evaluation.</summary>
    public void Cancel()
    {
        using var sampler = new Lease(Handle);
        Native.SamplerCancel(sampler.Pointer);
    }

    /// <summary>Lets the sampler go.</summary>
    public void Dispose() => Handle.Dispose();
}
