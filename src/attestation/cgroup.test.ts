import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerOf, parseCgroups, podOf, systemdUnitOf } from './cgroup.ts';

const ID = '6469646e742065787065637420616e796f6e6520746f20726561642074686973';
const OTHER = `f${ID.slice(1)}`;
const UID = '2c48913c-b29f-11e7-9350-020968147796';
const unified = (path: string) => parseCgroups(`0::${path}\n`);

test('the container: as Docker, Podman, containerd and CRI-O name its group, in both versions of cgroups', () => {
  for (const path of [
    `/docker/${ID}`,
    `/system.slice/docker-${ID}.scope`,
    `/system.slice/docker-${ID}.scope/init.scope`,
    `/machine.slice/libpod-${ID}.scope/container`,
    `/kubepods.slice/kubepods-pod${UID.replaceAll('-', '_')}.slice/cri-containerd-${ID}.scope`,
    `/kubepods/burstable/pod${UID}/${ID}`,
  ])
    assert.equal(containerOf(unified(path))?.containerId, ID, path);
  const v1 = parseCgroups(
    `11:memory:/docker/${ID}\n10:cpu,cpuacct:/docker/${ID}\n1:name=systemd:/docker/${ID}\n0::/\n`,
  );
  assert.equal(containerOf(v1)?.containerId, ID);
});

test('no container: none in the path, a name that is nearly one, and hierarchies that do not agree', () => {
  for (const path of [
    '/',
    '/system.slice/ssh.service',
    `/docker/${ID.slice(1)}`,
    `/docker/${ID.toUpperCase()}`,
    `/x${ID}`,
  ])
    assert.equal(containerOf(unified(path)), undefined, path);
  assert.equal(containerOf(parseCgroups(`2:cpu:/docker/${ID}\n1:memory:/docker/${OTHER}\n`)), undefined);
});

test('attack: a container within a container is the outer one', () => {
  assert.equal(containerOf(unified(`/docker/${ID}/docker/${OTHER}`))?.containerId, ID);
  assert.equal(containerOf(unified(`/docker/${ID}/docker/${OTHER}`))?.path, `/docker/${ID}`);
});

test('the pod: by cgroupfs and by systemd, guaranteed or not, also on a node that is a container', () => {
  const expected = { podUid: UID, containerId: ID };
  const escaped = UID.replaceAll('-', '_');
  for (const path of [
    `/kubepods/pod${UID}/${ID}`,
    `/kubepods/besteffort/pod${UID}/${ID}`,
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${escaped}.slice/cri-containerd-${ID}.scope`,
    `/kubepods.slice/kubepods-pod${escaped}.slice/crio-${ID}.scope/container`,
    `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${escaped}.slice/cri-containerd-${ID}.scope`,
    `/docker/${OTHER}/kubelet/kubepods/pod${UID}/${ID}`,
  ])
    assert.deepEqual(podOf(unified(path)), expected, path);
});

test('attack: groups that a user may make below his own are no pods', () => {
  for (const path of [
    `/user.slice/user-1000.slice/user@1000.service/kubepods/pod${UID}/${ID}`,
    `/kubepods/pod${OTHER}/x/y/pod${UID}/${ID}`,
    `/system.slice/evil.service/kubepods.slice/kubepods-pod${UID}.slice/cri-containerd-${ID}.scope`,
    `/kubepods/pod${UID}/x/${ID}`,
    `/kubepods/pod${UID}`,
  ])
    assert.equal(podOf(unified(path)), undefined, path);
});

test("the unit is the system manager's: the first that is no slice", () => {
  const user = '/user.slice/user-1000.slice/user@1000.service/app.slice/mine.service';
  assert.equal(systemdUnitOf(unified('/system.slice/nginx.service')), 'nginx.service');
  assert.equal(systemdUnitOf(unified('/system.slice/system-getty.slice/getty@tty1.service')), 'getty@tty1.service');
  assert.equal(systemdUnitOf(unified(user)), 'user@1000.service');
  assert.equal(systemdUnitOf(parseCgroups('9:name=systemd:/system.slice/a.service\n0::/\n')), 'a.service');
  for (const path of ['/', '/system.slice', '/docker/x', '/system.slice/a b.service'])
    assert.equal(systemdUnitOf(unified(path)), undefined, path);
});
