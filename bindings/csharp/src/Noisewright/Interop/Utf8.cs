// SPDX-License-Identifier: Apache-2.0
// Owns strings on their way to C.
using System.Text;

namespace Noisewright.Interop;

internal static class Utf8
{
    // NUL-terminated; null stays null, which fixed makes a null pointer.
    internal static byte[]? Of(string? text)
    {
        if (text is null)
        {
            return null;
        }
        if (text.Contains('\0'))
        {
            throw new ArgumentException("The text contains a NUL character.", nameof(text));
        }
        var bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }
}
