import { Fault } from '#kernel';
import { parseX509Bundle } from '#spiffe';
import type { BundleResource } from '#wire';
import { isBundle } from './resources.ts';

/** Reads a Bundle resource of a trust domain, its certificates included. Throws `BUNDLE_INVALID`. */
export function parseBundle(json: string, trustDomain: string): BundleResource {
  const value = readJson(json);
  if (!isBundle(value, trustDomain)) throw new Fault('BUNDLE_INVALID', 'not a bundle of the trust domain');
  parseX509Bundle(value);
  return value;
}

function readJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Fault('BUNDLE_INVALID', 'the bundle is not JSON', { cause });
  }
}
