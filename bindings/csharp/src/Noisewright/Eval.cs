// SPDX-License-Identifier: Apache-2.0
// Owns what a sampler asks of a model, and the shapes of models.
using System.Diagnostics.CodeAnalysis;
using Noisewright.Interop;

namespace Noisewright;

/// <summary>The evaluation that a sampler waits for.</summary>
public readonly struct Eval
{
    private readonly double _t, _clock, _inputScale;
    private readonly double[]? _rows;

    internal unsafe Eval(NwrEval* eval)
    {
        Index = (int)eval->Index;
        Count = (int)eval->Count;
        OutputCount = (int)eval->OutputCount;
        Noises = eval->Noises != 0;
        _t = eval->T;
        _clock = eval->Clock;
        _inputScale = eval->InputScale;
        int rows = (int)eval->RowCount;
        if (rows > 1)
        {
            // The sampler's own arrays end when it moves; these do not.
            _rows = new double[3 * rows];
            new ReadOnlySpan<double>(eval->TRows, rows).CopyTo(_rows);
            new ReadOnlySpan<double>(eval->ClockRows, rows).CopyTo(_rows.AsSpan(rows));
            new ReadOnlySpan<double>(eval->InputScaleRows, rows).CopyTo(_rows.AsSpan(2 * rows));
        }
    }

    /// <summary>Evaluations done.</summary>
    public int Index { get; }

    /// <summary>Evaluations in all; 0 if not known.</summary>
    public int Count { get; }

    /// <summary>How many outputs the model must give, which may differ from one evaluation to the
    /// next: 1; with guidance, where it acts, 2 or 3; and one more for the setting
    /// variance=learned_range.</summary>
    public int OutputCount { get; }

    /// <summary>Whether times turn back here: the step only adds noise, and the model need not be
    /// asked.</summary>
    public bool Noises { get; }

    /// <summary>The time; of the first sample, where samples have times of their own.</summary>
    public double T => _t;

    /// <summary>The same on the model's clock.</summary>
    public double Clock => _clock;

    /// <summary>What to multiply x by before the model sees it.</summary>
    public double InputScale => _inputScale;

    /// <summary>One time, or one a sample.</summary>
    [UnscopedRef]
    public ReadOnlySpan<double> TRows => Row(0, in _t);

    /// <summary>One reading of the model's clock, or one a sample.</summary>
    [UnscopedRef]
    public ReadOnlySpan<double> ClockRows => Row(1, in _clock);

    /// <summary>One scale, or one a sample.</summary>
    [UnscopedRef]
    public ReadOnlySpan<double> InputScaleRows => Row(2, in _inputScale);

    private ReadOnlySpan<double> Row(int index, ref readonly double single)
    {
        if (_rows is null)
        {
            return new ReadOnlySpan<double>(in single);
        }
        int rows = _rows.Length / 3;
        return _rows.AsSpan(index * rows, rows);
    }
}

/// <summary>Writes the model's output for x. What it throws ends the run and comes out of
/// it.</summary>
/// <typeparam name="T">The element type of x.</typeparam>
/// <param name="eval">Where x stands in time.</param>
/// <param name="x">The state: your own array, not a copy.</param>
/// <param name="output">Dense, of x's shape.</param>
public delegate void Model<T>(in Eval eval, ReadOnlyTensor<T> x, Tensor<T> output)
    where T : unmanaged;

/// <summary>Writes two outputs for x, for a sampler whose every evaluation asks for two: one with
/// guidance other than 1.</summary>
/// <typeparam name="T">The element type of x.</typeparam>
/// <param name="eval">Where x stands in time.</param>
/// <param name="x">The state: your own array, not a copy.</param>
/// <param name="conditional">The output with the condition: dense, of x's shape.</param>
/// <param name="unconditional">The output without: dense, of x's shape.</param>
public delegate void GuidedModel<T>(in Eval eval, ReadOnlyTensor<T> x, Tensor<T> conditional,
    Tensor<T> unconditional) where T : unmanaged;

/// <summary>Writes as many outputs for x as the evaluation asks for.</summary>
/// <typeparam name="T">The element type of x.</typeparam>
/// <param name="eval">Where x stands in time.</param>
/// <param name="x">The state: your own array, not a copy.</param>
/// <param name="outputs">In the order of <see cref="Sampler.Step(TensorRef, ReadOnlyTensorRef,
/// ReadOnlyTensorRef, ReadOnlyTensorRef, ReadOnlyTensorRef)"/>.</param>
public delegate void MultiOutputModel<T>(in Eval eval, ReadOnlyTensor<T> x, ModelOutputs<T> outputs)
    where T : unmanaged;

/// <summary>The outputs that an evaluation asks for, each dense and of x's shape.</summary>
/// <typeparam name="T">The element type.</typeparam>
public readonly unsafe ref struct ModelOutputs<T> where T : unmanaged
{
    private readonly NwrTensor* _first;

    internal ModelOutputs(NwrTensor* first, int count)
    {
        _first = first;
        Count = count;
    }

    /// <summary>How many.</summary>
    public int Count { get; }

    /// <summary>One of them.</summary>
    /// <param name="index">From 0 on.</param>
    public Tensor<T> this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return new Tensor<T>(View.Of(_first + index));
        }
    }
}

/// <summary>Writes the model's output for x, at its leisure.</summary>
/// <typeparam name="T">The element type of x.</typeparam>
/// <param name="eval">Where x stands in time.</param>
/// <param name="x">The state: your own memory, not a copy.</param>
/// <param name="output">As long as x.</param>
/// <param name="cancellation">That of the run.</param>
/// <returns>When the output is written.</returns>
public delegate ValueTask AsyncModel<T>(Eval eval, ReadOnlyMemory<T> x, Memory<T> output,
    CancellationToken cancellation) where T : unmanaged;

/// <summary>Writes as many outputs for x as the evaluation asks for, at its leisure.</summary>
/// <typeparam name="T">The element type of x.</typeparam>
/// <param name="eval">Where x stands in time.</param>
/// <param name="x">The state: your own memory, not a copy.</param>
/// <param name="outputs">Each as long as x.</param>
/// <param name="cancellation">That of the run.</param>
/// <returns>When the outputs are written.</returns>
public delegate ValueTask AsyncMultiOutputModel<T>(Eval eval, ReadOnlyMemory<T> x,
    IReadOnlyList<Memory<T>> outputs, CancellationToken cancellation) where T : unmanaged;

/// <summary>Writes unit normals for a sampler that is to take its noise from you.</summary>
/// <param name="draw">The number of the draw in this run.</param>
/// <param name="noise">What to fill, of the run's element type.</param>
public delegate void NoiseSource(ulong draw, TensorRef noise);
