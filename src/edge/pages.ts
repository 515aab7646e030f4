import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';
import { canonicalPath } from '#http';
import { Fault, LIMITS } from '#kernel';

export interface Page {
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};

/** Nothing inline, nothing from elsewhere, never in a frame. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'";

/** Reads a directory of static files once: what a request names is looked up, never opened. Throws `CONFIG_UNREADABLE` or `LIMIT_EXCEEDED`. */
export function readPages(directory: string): ReadonlyMap<string, Page> {
  const pages = new Map<string, Page>();
  let bytes = 0;
  for (const file of filesOf(directory)) {
    const type = TYPES[extname(file).toLowerCase()];
    if (type === undefined) continue;
    const body = readFileSync(file);
    bytes += body.length;
    if (bytes > LIMITS.edgePageBytes.value)
      throw new Fault('LIMIT_EXCEEDED', 'the static pages are larger than the limit');
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    const name = `/${relative(directory, file).split(sep).map(encodeURIComponent).join('/')}`;
    const page = { type, body, etag };
    pages.set(canonicalPath(name), page);
    if (name.endsWith('/index.html')) pages.set(canonicalPath(name.slice(0, -'index.html'.length)), page);
  }
  return pages;
}

export function sendPage(response: ServerResponse, page: Page, seen: string | undefined): void {
  const headers = {
    'content-type': page.type,
    etag: page.etag,
    'cache-control': 'no-cache',
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
  };
  if (seen === page.etag) response.writeHead(304, headers).end();
  else response.writeHead(200, { ...headers, 'content-length': page.body.length }).end(page.body);
}

function filesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `${directory} cannot be read`, { cause });
  }
}
