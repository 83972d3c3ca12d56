// Counts what is posted, as wc does in the C locale.

using Nuclio.Sdk;

public class WordCount
{
    public object Handler(Context context, Event received)
    {
        long lines = 0;
        long words = 0;
        var inWord = false;
        foreach (var one in received.Body)
        {
            var space = one == ' ' || (one >= '\t' && one <= '\r');
            if (!space && !inWord)
            {
                words++;
            }
            inWord = !space;
            if (one == '\n')
            {
                lines++;
            }
        }
        return new { lines, words, bytes = received.Size };
    }
}
