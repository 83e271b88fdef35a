// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
public import SystemPackage

/// What programs have noted on files by themselves: the attributes `user.…` (xattr(7)).
public enum ExtendedAttributes {
    /// Their names and values; none where the file system has none, or where this process may not read the file.
    public static func values(of file: FileDescriptor) -> [(name: [UInt8], value: [UInt8])] {
        let size = linux_list_attributes(file.rawValue, nil, 0)
        guard size > 0 else { return [] }
        var list = [CChar](repeating: 0, count: size)
        let length = linux_list_attributes(file.rawValue, &list, list.count)
        guard length > 0 else { return [] }
        return list.prefix(length).split(separator: 0).compactMap { name in
            let name = name.map { UInt8(bitPattern: $0) }
            guard name.starts(with: "user.".utf8) else { return nil }
            let value = withCString(name) { text -> [UInt8]? in
                let size = linux_get_attribute(file.rawValue, text, nil, 0)
                guard size >= 0 else { return nil }
                var value = [UInt8](repeating: 0, count: max(1, size))
                let read = linux_get_attribute(file.rawValue, text, &value, value.count)
                return read < 0 ? nil : Array(value.prefix(read))
            }
            return value.map { (name, $0) }
        }
    }
}
