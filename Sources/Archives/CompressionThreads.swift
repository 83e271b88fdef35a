// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
import Glibc

/// Threads that compress, and do nothing else: they read no file, write none, and call nothing of their owner's.
///
/// The only threads of the program. They take no signals, and end with this object; it is used on one thread.
final class CompressionThreads {
    /// More would wait for the one that reads and writes, and each takes memory.
    static let mostThreads = 8

    /// As many as there are processors that this process may use.
    static var defaultCount: Int { min(max(Int(linux_processor_count()), 1), mostThreads) }

    private let limit: Int
    private let queue = CompressionQueue()
    private var threads: [pthread_t] = []
    /// For what is compressed on the owner's thread.
    private var compressor = Compressor()

    /// - Parameter limit: at most so many threads; with one, the owner's own does the work.
    init(limit: Int) { self.limit = limit }

    deinit {
        queue.stop()
        for thread in threads { pthread_join(thread, nil) }
    }

    /// Has a job done. It is not to be touched before ``wait(for:)``.
    /// - Parameter isOnly: there is nothing to do beside it, so that a thread would be of no use.
    func submit(_ job: CompressionJob, isOnly: Bool = false) {
        if threads.isEmpty, isOnly || limit < 2 || !start() {
            compressor.compress(job)
            queue.addDone(job)
        } else if queue.add(job), threads.count < limit {
            // Where no further thread may be made, those that there are do it.
            _ = start()
        }
    }

    /// Whether a submitted job is done.
    func isDone(_ job: CompressionJob) -> Bool { queue.isDone(job) }

    /// Returns when a submitted job is done, and forgets it.
    func wait(for job: CompressionJob) { queue.wait(for: job) }

    private func start() -> Bool {
        var thread = pthread_t()
        // Signals are the owner's thread's: it reads them where it has blocked them.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let argument = Unmanaged.passRetained(queue)
        let failure = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let queue = Unmanaged<CompressionQueue>.fromOpaque(argument).takeRetainedValue()
                var compressor = Compressor()
                while let job = queue.next() {
                    compressor.compress(job)
                    queue.markDone(job)
                }
                return nil
            }, argument.toOpaque())
        guard failure == 0 else {
            argument.release()
            return false
        }
        threads.append(thread)
        return true
    }
}

/// Jobs on their way from the thread that fills them to those that do them, and back.
// All that changes in it changes under its lock; the jobs themselves belong to whoever has them.
private final class CompressionQueue: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let hasWork = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let hasResult = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var waiting: [CompressionJob] = []
    private var done: [CompressionJob] = []
    private var idleThreads = 0
    private var isStopping = false

    init() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(hasWork, nil)
        pthread_cond_init(hasResult, nil)
    }

    deinit {
        pthread_cond_destroy(hasResult)
        pthread_cond_destroy(hasWork)
        pthread_mutex_destroy(lock)
        hasResult.deallocate()
        hasWork.deallocate()
        lock.deallocate()
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body()
    }

    // MARK: For the owner

    /// - Returns: whether a further thread would find something to do.
    func add(_ job: CompressionJob) -> Bool {
        locked {
            waiting.append(job)
            pthread_cond_signal(hasWork)
            return waiting.count > idleThreads
        }
    }

    /// Takes a job that the owner did.
    func addDone(_ job: CompressionJob) { locked { done.append(job) } }

    func isDone(_ job: CompressionJob) -> Bool { locked { done.contains { $0 === job } } }

    func wait(for job: CompressionJob) {
        locked {
            while true {
                if let index = done.firstIndex(where: { $0 === job }) {
                    done.remove(at: index)
                    return
                }
                pthread_cond_wait(hasResult, lock)
            }
        }
    }

    /// Jobs that nobody began stay undone.
    func stop() {
        locked {
            isStopping = true
            pthread_cond_broadcast(hasWork)
        }
    }

    // MARK: For the threads

    /// The oldest job; nil at the end.
    func next() -> CompressionJob? {
        locked {
            while waiting.isEmpty, !isStopping {
                idleThreads += 1
                pthread_cond_wait(hasWork, lock)
                idleThreads -= 1
            }
            return isStopping ? nil : waiting.removeFirst()
        }
    }

    func markDone(_ job: CompressionJob) {
        locked {
            done.append(job)
            pthread_cond_signal(hasResult)
        }
    }
}
