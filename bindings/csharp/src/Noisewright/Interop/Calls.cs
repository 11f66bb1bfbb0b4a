// SPDX-License-Identifier: Apache-2.0
// Owns calls on lists of tensors. C# pins no list of views, so each frame of a recursion pins one.
namespace Noisewright.Interop;

internal unsafe struct TransformCall
{
    internal void* Context, Schedule;
    internal Quantity Drawn;
    internal bool Draws;
    internal NwrRng* Rngs;
    internal nuint RngCount;
    private NwrTensor* _tensors;

    // In the order of pinning: t, diffusion, inputs, outputs.
    private const int First = 2;

    internal Status Apply(in View t, in View diffusion, in Views<Quantity> inputs,
        in Views<Quantity> outputs)
    {
        NwrTensor* tensors = stackalloc NwrTensor[First + inputs.Count + outputs.Count];
        _tensors = tensors;
        fixed (byte* tData = &t.Data, diffusionData = &diffusion.Data)
        fixed (long* tShape = t.Shape, tStrides = t.Strides)
        fixed (long* diffusionShape = diffusion.Shape, diffusionStrides = diffusion.Strides)
        {
            tensors[0] = t.Pinned(tData, tShape, tStrides);
            tensors[1] = diffusion.Pinned(diffusionData, diffusionShape, diffusionStrides);
            return Pin(0, inputs, outputs);
        }
    }

    private Status Pin(int index, in Views<Quantity> inputs, in Views<Quantity> outputs)
    {
        if (index == inputs.Count + outputs.Count)
        {
            return Call(inputs, outputs);
        }
        View view = index < inputs.Count ? inputs[index] : outputs[index - inputs.Count];
        fixed (byte* data = &view.Data)
        fixed (long* shape = view.Shape, strides = view.Strides)
        {
            _tensors[First + index] = view.Pinned(data, shape, strides);
            return Pin(index + 1, inputs, outputs);
        }
    }

    private readonly Status Call(in Views<Quantity> inputs, in Views<Quantity> outputs)
    {
        NwrOperand* operands = stackalloc NwrOperand[2 * Views<Quantity>.Most];
        NwrOperand* wanted = operands + inputs.Count;
        NwrTensor* tensor = _tensors + First;
        for (int i = 0; i < inputs.Count; i++)
        {
            operands[i] = new NwrOperand { Quantity = inputs.Key(i), Tensor = tensor++ };
        }
        for (int i = 0; i < outputs.Count; i++)
        {
            wanted[i] = new NwrOperand { Quantity = outputs.Key(i), Tensor = tensor++ };
        }
        NwrTensor* diffusion = _tensors[1].Data == null ? null : &_tensors[1];
        return Draws
            ? Native.TransformCorrupt(Context, Schedule, _tensors, Drawn, Rngs, RngCount, operands,
                (nuint)inputs.Count, wanted, (nuint)outputs.Count)
            : Native.TransformApply(Context, Schedule, _tensors, diffusion, operands,
                (nuint)inputs.Count, wanted, (nuint)outputs.Count);
    }
}

internal unsafe struct CombineCall
{
    internal void* Context;
    private NwrTensor* _tensors;

    internal Status Apply(in Views<double> terms, in View result)
    {
        NwrTensor* tensors = stackalloc NwrTensor[1 + terms.Count];
        _tensors = tensors;
        fixed (byte* data = &result.Data)
        fixed (long* shape = result.Shape, strides = result.Strides)
        {
            tensors[0] = result.Pinned(data, shape, strides);
            return Pin(0, terms);
        }
    }

    private Status Pin(int index, in Views<double> terms)
    {
        if (index == terms.Count)
        {
            return Call(terms);
        }
        View view = terms[index];
        fixed (byte* data = &view.Data)
        fixed (long* shape = view.Shape, strides = view.Strides)
        {
            _tensors[1 + index] = view.Pinned(data, shape, strides);
            return Pin(index + 1, terms);
        }
    }

    private readonly Status Call(in Views<double> terms)
    {
        double* factors = stackalloc double[Views<double>.Most];
        NwrTensor** inputs = stackalloc NwrTensor*[Views<double>.Most];
        for (int i = 0; i < terms.Count; i++)
        {
            factors[i] = terms.Key(i);
            inputs[i] = _tensors + 1 + i;
        }
        return Native.TensorCombine(Context, factors, inputs, (nuint)terms.Count, _tensors);
    }
}
