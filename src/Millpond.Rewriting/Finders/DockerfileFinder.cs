using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

internal sealed class DockerfileFinder(DocumentFinders finders)
{
    public void Find(Layer layer, Trail trail)
    {
        _ = finders; _ = layer; _ = trail;
    }
}
