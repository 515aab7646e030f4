import { z } from 'zod';
import { isSpiffeId, isTrustDomain, parseSelector } from '#spiffe';
import { findDurationSeconds, isDuration } from './duration.ts';

/** A refinement's message is the `expected` of its problem. */
export const spiffeId = z
  .string()
  .refine((text) => isSpiffeId(text), 'a SPIFFE ID such as spiffe://bank-a/api-gateway');

export const trustDomain = z
  .string()
  .refine((text) => text !== '' && isTrustDomain(text), 'a trust domain name: 1 to 255 of a-z 0-9 . - _');

export const selector = z.string().refine(isSelector, 'a selector of the form type:value');

/** DNS label (RFC 1123 §2.1): names of namespaces, services, processes and environments. */
export const label = z
  .string()
  .refine((text) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text), 'a name of a-z 0-9 -');

export const objectName = z
  .string()
  .refine((text) => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(text), 'a name of a-z 0-9 . -');

export const serviceName = z
  .string()
  .refine((text) => /^[a-z0-9][a-z0-9-]*\/[a-z0-9][a-z0-9-]*$/.test(text), 'a service as <namespace>/<name>');

export const dnsName = z
  .string()
  .refine((text) => text.length <= 253 && /^[a-z0-9*]([a-z0-9.-]*[a-z0-9])?$/i.test(text), 'a DNS name');

/** Parsed to seconds. */
export const duration = z
  .string()
  .refine(isDuration, 'a duration such as 30s, 15m, 8h or 7d')
  .transform((text) => findDurationSeconds(text) ?? 0);

/** A moment, parsed to Unix seconds. */
export const instant = z
  .string()
  .refine(
    (text) => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/.test(text) && !Number.isNaN(Date.parse(text)),
    'a moment such as 2027-01-31T00:00:00Z',
  )
  .transform((text) => Math.floor(Date.parse(text) / 1000));

/** Federation §5.2.1: no user information. */
export const httpsUrl = z
  .string()
  .refine(
    (text) => /^https:\/\/[^/@\s]+(\/\S*)?$/.test(text) && URL.canParse(text),
    'an address such as https://example.org/bundle',
  );

export const text = z.string().refine((value) => value !== '', 'a text that is not empty');

export const port = z.union([z.int().min(1).max(65_535), z.literal('auto')]);

/** A file on the server's machine. */
export const absolutePath = z.string().refine((path) => /^\/[^\0]+$/.test(path), 'an absolute path');

/** A path below the directory of the file that names it. */
export const relativePath = z
  .string()
  .refine(
    (path) => path !== '' && !path.startsWith('/') && !path.split('/').includes('..'),
    'a path below this directory',
  );

function isSelector(value: string): boolean {
  try {
    parseSelector(value);
    return true;
  } catch {
    return false;
  }
}
