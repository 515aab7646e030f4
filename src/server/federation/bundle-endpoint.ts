import type { BundleResource } from '#wire';
import { type Answer, askedPath, json, type PublicRequest, refusal } from './answer.ts';
import { bundleDocument } from './bundle-document.ts';

/** SPIFFE Federation §5: the newest bundle at `/`, to anyone. */
export function bundleEndpoint(bundle: () => BundleResource): (request: PublicRequest) => Answer {
  let served: { readonly of: string; readonly document: string } | undefined;
  return (request) => {
    const path = askedPath(request);
    if (typeof path !== 'string') return path;
    if (path !== '/') return refusal(404, 'the bundle is at /');
    const current = bundle();
    const of = `${current.sequence} ${current.refreshHintSeconds}`;
    if (served?.of !== of) served = { of, document: bundleDocument(current) };
    return json(served.document, { 'cache-control': 'no-cache' });
  };
}
