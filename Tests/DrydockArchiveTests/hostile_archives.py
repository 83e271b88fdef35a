# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The drydock authors
"""Writes archives that want out of where they are unpacked, want more than their due, or are damaged.

usage: hostile_archives.py DIRECTORY CANARY

CANARY is a directory beside the one that is unpacked into, with a file `canary` in it. For each archive a line goes to standard
output: its name, what is expected (`refused`, `inside` or `either`), and what it tries.
"""
import io
import os
import random
import struct
import sys
import tarfile
import warnings
import zipfile
import zlib

out, canary = sys.argv[1], os.path.abspath(sys.argv[2])
UP = '../' * 20 + canary.lstrip('/')
P = b'PWNED\n'
S, L, D, F, C, B = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE,
                    tarfile.BLKTYPE)
warnings.simplefilter('ignore')


def save(name, data, expected, case):
    with open(os.path.join(out, name), 'wb') as file:
        file.write(data)
    print(name, expected, case, sep='\t')
    return data


def member(name, kind=tarfile.REGTYPE, data=b'', link='', mode=0o644, **more):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(data), link, mode
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def tar(name, members, expected, case):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return save(name + '.tar', buffer.getvalue(), expected, case)


tar('t01', [member(UP + '/new', data=P)], 'refused', 'path with ..')
tar('t02', [member(canary + '/new', data=P)], 'refused', 'absolute path')
tar('t03', [member('d', S, link=canary), member('d/new', data=P)], 'refused', 'link to outside, then a file through it')
tar('t04', [member('d', S, link=UP), member('d/new', data=P)], 'refused', 'relative link out, then a file through it')
tar('t05', [member('f', S, link=canary + '/canary'), member('f', data=P)], 'inside', 'a file where a link is')
tar('t06', [member('h', L, link=canary + '/canary')], 'refused', 'another name of an absolute path')
tar('t07', [member('h', L, link=UP + '/canary')], 'refused', 'another name of a path upwards')
tar('t08', [member('h', L, link=canary + '/canary'), member('h', data=P)], 'refused', 'another name, then content')
tar('t09', [member('s', S, link=canary), member('h', L, link='s/canary')], 'refused', 'another name through a link')
tar('t10', [member('s', S, link=canary + '/canary'), member('h', L, link='s', mode=0o777)], 'inside',
    'another name of a link: its mode is not set on the target')
tar('t11', [member('a', D, mode=0o755), member('a/b', S, link='..'), member('a/c', S, link='b/' + UP),
            member('a/c/new', data=P)], 'refused', 'a chain of links')
tar('t12', [member('d', S, link=canary), member('d', D, mode=0o777), member('d/new', data=P)], 'refused',
    'a directory where a link is')
tar('t13', [member('d', D, mode=0o755), member('d/x', data=b'1'), member('d', S, link=canary),
            member('d/new', data=P)], 'refused', 'a link where a directory is')
tar('t14', [member('.', S, link=canary), member('new', data=P)], 'refused', 'the directory itself is a link')
tar('t15', [member('null', C, devmajor=1, devminor=3)], 'refused', 'character device')
tar('t16', [member('disk', B, devmajor=7, devminor=0)], 'refused', 'block device')
tar('t16b', [member('gone', C, devmajor=0, devminor=0)], 'refused', 'what overlayfs takes for a removed file')
tar('t17', [member('p', F)], 'inside', 'named pipe')
tar('t18', [member('su', data=b'x', mode=0o6755)], 'inside', 'set-id bits')
tar('t19', [member('f', data=b'x', uid=2 ** 31, gid=2 ** 32 - 1)], 'refused', 'ids that nobody has')
tar('t20', [member('d', S, link=canary), member('d/', D), member('d//new', data=P)], 'refused', 'slashes at the end')
tar('t21', [member('x', data=P, pax_headers={'path': 'ok\0' + UP})], 'either', 'NUL in a path')
tar('t22', [member('x', S, link='y', pax_headers={'linkpath': canary}), member('x/new', data=P)], 'refused',
    'an extended header names the link')
tar('t23', [member('f', data=b'first'), member('f', data=b'second')], 'inside', 'the same member twice')
tar('t25', [member('f', data=b'1'), member('f/child', data=P)], 'refused', 'a file as a directory')
tar('t26', [member('new\nline', data=b'1'), member('esc\x1b[2J\x07', data=b'1')], 'inside', 'control characters')
tar('t27', [member('a' * 300, data=b'1')], 'refused', 'a name too long')
tar('t28', [member('/'.join(['d' * 200] * 30) + '/f', data=b'1')], 'inside', 'a path longer than the kernel takes')
tar('t29', [member('', data=P)], 'refused', 'no name')
tar('t30', [member('./a/./b', data=b'1'), member('a//c', data=b'1')], 'inside', 'dots and slashes')
good = tar('t31', [member('f', data=random.Random(3).randbytes(5000))], 'inside', 'nothing wrong')
save('t32.tar', good[:300], 'refused', 'cut in a header')
save('t33.tar', good[:2000], 'refused', 'cut in content')
save('t33b.tar', good[:512 + 5120], 'refused', 'cut before the end mark')


def header(start, value):
    raw = bytearray(good)
    raw[start:start + len(value)] = value
    block = bytes(raw[:148]) + b' ' * 8 + bytes(raw[156:512])
    raw[148:156] = b'%06o\0 ' % sum(block)
    return raw


bad = bytearray(good)
bad[148:156] = b'000000\0 '
save('t34.tar', bad, 'refused', 'wrong checksum of a header')
save('t35.tar', header(124, b'77777777777\0'), 'refused', 'content of 8 GiB that is not there')
save('t36.tar', header(124, b'\xff' * 12), 'refused', 'negative size')
save('t37.tar', random.Random(1).randbytes(10240), 'refused', 'noise')
save('t38.tar', b'', 'refused', 'nothing at all')
save('t39.tar', b'\0' * 1024, 'refused', 'an archive of nothing')
big, _ = member('zeros')
big.size = 300 << 20
with open(os.path.join(out, 't43.tar'), 'wb') as file:
    file.write(big.tobuf())
    file.truncate(512 + big.size + 1024)
print('t43.tar', 'refused', 'more than the limit', sep='\t')
info, _ = member('sparse', pax_headers={
    'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'sparse',
    'GNU.sparse.realsize': str(1 << 60)})
tar('t44', [(info, b'1\n0\n0\n'.ljust(512, b'\0'))], 'either', 'a hole of an exbibyte')
tar('t45', [member('%d/%d' % (i % 50, i), data=b'') for i in range(5000)], 'inside', 'many files')
tar('t46', [member('/'.join(['d'] * 5000) + '/f', data=b'1')], 'inside', 'five thousand directories deep')
tar('t47', [member('f', data=b'x', pax_headers={
    'SCHILY.xattr.trusted.overlay.opaque': 'y', 'SCHILY.xattr.user.overlay.redirect': '/etc',
    'SCHILY.xattr.security.capability': '\x01\x00\x00\x02' + '\x00' * 16})], 'inside', 'attributes of the system')
tar('t48', [member('a/f', data=b'1'), member('a', L, link='a/f')], 'refused', 'another name where a directory is')
tar('t49', [member('h', L, link='f'), member('f', data=b'1')], 'refused', 'another name of what comes later')
tar('t50', [member('drydock-cache.json', data=b'{}'), member('f', data=b'1'),
            member('drydock-cache.json', data=b'{"other":1}')], 'refused', 'a second record')
tar('t51', [member('drydock-cache.json', S, link=canary + '/canary')], 'refused', 'a record that is a link')


def make_zip(name, build, expected, case):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        build(archive)
    return save(name + '.zip', buffer.getvalue(), expected, case)


def special(archive, name, data, mode):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    archive.writestr(info, data)


make_zip('z01', lambda z: z.writestr(UP + '/new', P), 'refused', 'path with ..')
make_zip('z02', lambda z: z.writestr(canary + '/new', P), 'refused', 'absolute path')
make_zip('z03', lambda z: z.writestr('..\\..\\new', P), 'either', 'backslashes')
make_zip('z04', lambda z: (special(z, 'd', canary, 0o120777), z.writestr('d/new', P)), 'refused', 'through a link')
make_zip('z05', lambda z: special(z, 'l', '/etc/passwd', 0o120777), 'inside', 'a link out, and nothing through it')
make_zip('z06', lambda z: special(z, 'su', b'x', 0o106755), 'inside', 'set-id bits')
make_zip('z07', lambda z: special(z, 'dev', b'', 0o020666), 'refused', 'device')
make_zip('z08', lambda z: (z.writestr('f', b'1'), z.writestr('f', b'2')), 'inside', 'the same member twice')
good = make_zip('z09', lambda z: z.writestr('f', b'hello ' * 100), 'inside', 'nothing wrong')
central, local, end = good.rfind(b'PK\1\2'), good.find(b'PK\3\4'), good.rfind(b'PK\5\6')


def patched(*changes):
    raw = bytearray(good)
    for position, value in changes:
        raw[position:position + len(value)] = value
    return raw


save('z10.zip', patched((central + 16, b'\1\2\3\4'), (local + 14, b'\1\2\3\4')), 'refused', 'wrong checksum')
save('z11.zip', good[:-10], 'refused', 'cut in the list of members')
save('z12.zip', b'#!/bin/sh\n' * 5 + good, 'either', 'something before the archive')
save('z13.zip', patched((local + 30, b'g')), 'either', 'two names of a member')
save('z14.zip', patched((central + 8, b'\1\0'), (local + 6, b'\1\0')), 'refused', 'encrypted')
save('z15.zip', patched((central + 24, b'\xff\xff\xff\x7f')), 'refused', 'a size that lies')
save('z16.zip', patched((end + 8, b'\xff\xfe\xff\xfe')), 'either', 'a count that lies')
save('z17.zip', patched((end + 16, b'\xf0\xff\xff\xff')), 'refused', 'the list of members lies outside')
make_zip('z18', lambda z: z.writestr('zeros', b'\0' * (300 << 20)), 'refused', 'more than the limit')
packer = zlib.compressobj(9, zlib.DEFLATED, -15)
body = packer.compress(b'\0' * 10_000_000) + packer.flush()
crc = zlib.crc32(b'\0' * 10_000_000)
entry = struct.pack('<4sHHHHHIIIHH', b'PK\3\4', 20, 0, 8, 0, 0, crc, len(body), 10_000_000, 1, 0) + b'a' + body
listing = b''.join(
    struct.pack('<4sHHHHHHIIIHHHHHII', b'PK\1\2', 20, 20, 0, 8, 0, 0, crc, len(body), 10_000_000, 5, 0, 0, 0, 0, 0, 0)
    + b'%05d' % number for number in range(5000))
save('z19.zip', entry + listing + struct.pack('<4sHHHHIIH', b'PK\5\6', 0, 0, 5000, 5000, len(listing), len(entry), 0),
     'either', 'members that share their content')
make_zip('z20', lambda z: z.writestr('caf\xe9', b'1'), 'inside', 'a name of UTF-8')
save('z21.zip', patched((local + 30, b'\xff'), (central + 46, b'\xff')), 'inside', 'a name of no UTF-8')
save('z23.zip', make_zip('z22', lambda z: z.writestr('ok', P), 'inside', 'good').replace(b'ok', b'o\0'), 'either',
     'NUL in a name')
