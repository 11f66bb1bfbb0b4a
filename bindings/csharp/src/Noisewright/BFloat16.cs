// SPDX-License-Identifier: Apache-2.0
// Owns the element type that .NET lacks before version 11: 16 bits of a float.
namespace Noisewright;

/// <summary>A float without its lower 16 bits.</summary>
/// <param name="Bits">Sign, 8 bits of exponent, 7 of mantissa.</param>
public readonly record struct BFloat16(ushort Bits)
{
    /// <summary>Rounds to nearest, ties to even. A NaN stays one.</summary>
    /// <param name="value">What to round.</param>
    public static explicit operator BFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return new BFloat16(float.IsNaN(value)
            ? (ushort)((bits >> 16) | 0x40)
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }

    /// <summary>The same number.</summary>
    /// <param name="value">What to widen.</param>
    public static implicit operator float(BFloat16 value) =>
        BitConverter.UInt32BitsToSingle((uint)value.Bits << 16);

    /// <inheritdoc/>
    public override string ToString() => ((float)this).ToString();
}
