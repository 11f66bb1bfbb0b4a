// SPDX-License-Identifier: Apache-2.0
// Owns lists of tensors, up to the eight that a call takes: spans cannot hold views, so these do.
using System.Runtime.CompilerServices;
using Noisewright.Interop;

namespace Noisewright;

/// <summary>Quantities that are known, for a transform.</summary>
public readonly ref struct Inputs
{
    internal readonly Views<Quantity> Views;

    private Inputs(Views<Quantity> views) => Views = views;

    /// <summary>One known quantity.</summary>
    /// <param name="quantity">What the tensor holds.</param>
    /// <param name="tensor">The tensor.</param>
    /// <returns>The list of one.</returns>
    public static Inputs Of(Quantity quantity, ReadOnlyTensorRef tensor) =>
        new(default(Views<Quantity>).With(quantity, tensor.View));

    /// <summary>One more.</summary>
    /// <param name="quantity">What the tensor holds.</param>
    /// <param name="tensor">The tensor.</param>
    /// <returns>The longer list.</returns>
    public Inputs And(Quantity quantity, ReadOnlyTensorRef tensor) =>
        new(Views.With(quantity, tensor.View));
}

/// <summary>Quantities that are wanted, for a transform.</summary>
public readonly ref struct Outputs
{
    internal readonly Views<Quantity> Views;

    private Outputs(Views<Quantity> views) => Views = views;

    /// <summary>One wanted quantity.</summary>
    /// <param name="quantity">What to write.</param>
    /// <param name="tensor">Where; it may be an input, if it is exactly the same view.</param>
    /// <returns>The list of one.</returns>
    public static Outputs Of(Quantity quantity, TensorRef tensor) =>
        new(default(Views<Quantity>).With(quantity, tensor.View));

    /// <summary>One more.</summary>
    /// <param name="quantity">What to write.</param>
    /// <param name="tensor">Where.</param>
    /// <returns>The longer list.</returns>
    public Outputs And(Quantity quantity, TensorRef tensor) =>
        new(Views.With(quantity, tensor.View));
}

/// <summary>The terms of a sum: factors and tensors.</summary>
public readonly ref struct Terms
{
    internal readonly Views<double> Views;

    private Terms(Views<double> views) => Views = views;

    /// <summary>One term.</summary>
    /// <param name="factor">What to multiply by; 0 leaves the tensor out, NaN or not.</param>
    /// <param name="tensor">The tensor.</param>
    /// <returns>The list of one.</returns>
    public static Terms Of(double factor, ReadOnlyTensorRef tensor) =>
        new(default(Views<double>).With(factor, tensor.View));

    /// <summary>One more.</summary>
    /// <param name="factor">What to multiply by.</param>
    /// <param name="tensor">The tensor.</param>
    /// <returns>The longer list.</returns>
    public Terms And(double factor, ReadOnlyTensorRef tensor) => new(Views.With(factor, tensor.View));
}

internal ref struct Views<TKey> where TKey : unmanaged
{
    internal const int Most = 8;

    [InlineArray(Most)]
    private struct Keys
    {
        private TKey _first;
    }

    private View _0, _1, _2, _3, _4, _5, _6, _7;
    private Keys _keys;

    internal int Count { get; private set; }

    internal readonly TKey Key(int index) => _keys[index];

    internal readonly View this[int index] => index switch
    {
        0 => _0, 1 => _1, 2 => _2, 3 => _3, 4 => _4, 5 => _5, 6 => _6, _ => _7,
    };

    internal readonly Views<TKey> With(TKey key, View view)
    {
        Views<TKey> longer = this;
        switch (longer.Count)
        {
            case 0: longer._0 = view; break;
            case 1: longer._1 = view; break;
            case 2: longer._2 = view; break;
            case 3: longer._3 = view; break;
            case 4: longer._4 = view; break;
            case 5: longer._5 = view; break;
            case 6: longer._6 = view; break;
            case 7: longer._7 = view; break;
            default: throw new InvalidOperationException($"A call takes at most {Most} tensors.");
        }
        longer._keys[longer.Count] = key;
        longer.Count++;
        return longer;
    }
}
