//! Questions to another host, on the real kernel.

mod net;

use std::fs;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use host::echo::Echo;
use net::{ip, two_hosts, wait};

fn answers(echo: &mut Echo) -> bool {
    let Ok(number) = echo.ask() else { return false };
    (0..100).any(|_| {
        thread::sleep(Duration::from_millis(5));
        echo.hear().is_ok_and(|heard| heard == Some(number))
    })
}

#[test]
fn a_host_that_is_there_answers_by_either_socket_and_one_that_is_gone_does_not() {
    two_hosts(|far| {
        ip("address add 192.0.2.1/24 dev near");
        ip("address add 2001:db8::1/64 dev near nodad");
        far.ip("address add 192.0.2.2/24 dev far");
        far.ip("address add 2001:db8::2/64 dev far nodad");
        for (range, is_raw) in [("1 0", true), ("0 2147483647", false)] {
            // Of this thread's network only.
            fs::write("/proc/sys/net/ipv4/ping_group_range", range).unwrap();
            for to in ["192.0.2.2", "2001:db8::2"] {
                let to: IpAddr = to.parse().unwrap();
                let mut echo = Echo::open(to, None).unwrap();
                assert_eq!(echo.is_raw(), is_raw, "{to} with {range}");
                wait(&format!("{to} answers, raw {is_raw}"), || answers(&mut echo).then_some(()));
                let mut bound = Echo::open(to, Some("near")).unwrap();
                wait("it answers over its interface", || answers(&mut bound).then_some(()));
                // Whatever number is asked under, an answer to an older question is told as that.
                let (first, second) = (bound.ask().unwrap(), bound.ask().unwrap());
                let heard = [first, second].map(|_| wait("both are answered", || bound.hear().unwrap()));
                assert_eq!(heard, [first, second]);
                far.ip("link set far down");
                assert!(!answers(&mut echo), "{to} is gone");
                far.ip("link set far up");
                // The kernel forgets those of IPv6 of a link that was down.
                far.ip("address add 2001:db8::2/64 dev far nodad");
                wait(&format!("{to} answers again, raw {is_raw}"), || answers(&mut echo).then_some(()));
            }
        }
        let unknown = Echo::open("192.0.2.2".parse().unwrap(), Some("none")).unwrap_err();
        assert!(unknown.to_string().contains("ip link"), "{unknown}");
        let nowhere = Echo::open("203.0.113.1".parse().unwrap(), None).unwrap_err();
        assert!(nowhere.to_string().contains("ip route get"), "{nowhere}");
    });
}
