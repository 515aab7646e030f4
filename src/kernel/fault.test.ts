import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, toFault } from './fault.ts';

test('a full disk is told as that, by the system or by SQLite; what is not known is internal', () => {
  const thrown = (fields: object) => Object.assign(new RangeError('x'), fields);
  for (const fields of [{ code: 'ENOSPC' }, { code: 'EDQUOT' }, { errcode: 13 }])
    assert.equal(toFault(thrown(fields)).code, 'DISK_FULL');
  for (const error of [thrown({ code: 'EIO' }), thrown({ errcode: 1 }), 'text', undefined])
    assert.equal(toFault(error).code, 'INTERNAL_ERROR');
  const fault = new Fault('NOT_FOUND', 'x');
  assert.equal(toFault(fault), fault);
});
