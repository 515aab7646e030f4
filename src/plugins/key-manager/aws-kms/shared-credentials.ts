import { readFile } from 'node:fs/promises';
import { Fault, Secret } from '#kernel';
import type { AwsCredentials } from './signature-v4.ts';

/**
 * Credentials of a profile in AWS's shared credentials file, read anew for every use: whoever renews them writes the file.
 * Throws `CONFIG_UNREADABLE`.
 */
export function sharedCredentials(path: string, profile = 'default'): () => Promise<AwsCredentials> {
  return async () => {
    const values = sectionOf(await read(path), profile);
    const accessKeyId = values.get('aws_access_key_id');
    const secret = values.get('aws_secret_access_key');
    if (accessKeyId === undefined || secret === undefined)
      throw new Fault('CONFIG_UNREADABLE', `${path} has no credentials of the profile ${profile}`);
    const token = values.get('aws_session_token');
    return {
      accessKeyId,
      secretAccessKey: new Secret(secret),
      ...(token === undefined ? {} : { sessionToken: new Secret(token) }),
    };
  };
}

function sectionOf(text: string, profile: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let section = '';
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\s*\[\s*([^\]]*?)\s*\]\s*$/.exec(line)?.[1];
    if (heading !== undefined) section = heading;
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (section === profile && key !== undefined && value !== undefined) values.set(key, value);
  }
  return values;
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `${path} cannot be read`, { cause });
  }
}
