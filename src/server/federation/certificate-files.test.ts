import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '#kernel';
import { pemCertificates } from '#x509';
import { forge } from '../../../test/forge/certificate.ts';
import { certificateFiles } from './certificate-files.ts';

test('a certificate is taken up when it is whole; rubbish, another’s key and a missing file leave the one before', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pem-'));
  const at = { certificateFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') };
  const [first, second] = [forge({}), forge({})];
  const write = (file: string, text: string): void => {
    rmSync(file, { force: true });
    writeFileSync(file, text);
  };
  const pem = ({ der, key }: typeof first) => ({
    cert: pemCertificates([der]),
    key: String(key.export({ type: 'pkcs8', format: 'pem' })),
  });
  let said = 0;
  const log = {
    ...silentLog,
    error: () => {
      said++;
    },
  };
  try {
    const identity = certificateFiles(at, log);
    for (let clients = 0; clients < 3; clients++) assert.equal(identity(), undefined);
    assert.equal(said, 1);
    write(at.certificateFile, 'rubbish');
    write(at.keyFile, 'rubbish');
    assert.equal(identity(), undefined);
    write(at.certificateFile, pem(first).cert);
    assert.equal(identity(), undefined);
    write(at.keyFile, pem(first).key);
    assert.deepEqual(identity(), pem(first));
    write(at.certificateFile, pem(second).cert);
    assert.deepEqual(identity(), pem(first));
    write(at.keyFile, pem(second).key);
    assert.deepEqual(identity(), pem(second));
    assert.equal(identity(), identity());
    rmSync(at.keyFile);
    assert.deepEqual(identity(), pem(second));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
