# An address with VRRP comes when its proof has passed and nobody else is heard; passes renew its lifetime. A proof that does not come any more
# takes it away, and what the guard would have to do is told before the kernel is.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] lifetime=2000ms checks=[{name=proxy rule=veto rise=2 fall=3}] proof=proxy proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=200ms announce={repeat=2 gap=1000ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
at 10ms checked address=vip check=proxy
       > changed address=vip from=initialize to=backup priority=100 why="nothing forbids this host to hold the addresses any more"
until 250ms
at 260ms checked address=vip check=proxy
until 500ms
at 510ms checked address=vip check=proxy
until 750ms
  at 731.875ms wake
         > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=200ms addresses=[10.0.0.100]}}]
         > put interface=eth0 address=10.0.0.100/24 valid=2000ms
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.100]}}
         > announce interface=eth0 ips=[10.0.0.100]
         > tickle address=vip
         > changed address=vip from=backup to=active priority=100 why="nobody was heard to hold the addresses for 721.875ms"
# The router waits three intervals and a skew. From here on it is here.
at 760ms checked address=vip check=proxy
until 1000ms
  at 831.875ms wake
         > tickle address=vip
  at 931.875ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.100]}}
at 1010ms checked address=vip check=proxy
       > put interface=eth0 address=10.0.0.100/24 valid=2000ms
until 1250ms
  at 1031.875ms wake
         > tickle address=vip
  at 1131.875ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.100]}}
at 1260ms checked address=vip check=proxy
       > put interface=eth0 address=10.0.0.100/24 valid=2000ms
until 1500ms
  at 1331.875ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.100]}}
         > tickle address=vip
at 1510ms checked address=vip check=proxy
       > put interface=eth0 address=10.0.0.100/24 valid=2000ms
until 1750ms
  at 1531.875ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.100]}}
  at 1731.875ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.100]}}
         > announce interface=eth0 ips=[10.0.0.100]
         > tickle address=vip
# One failure is not yet a change of mind, but it renews nothing.
at 1760ms checked address=vip check=proxy failed="no answer within 200 ms"
until 2460ms
  at 1931.875ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.100]}}
  at 2131.875ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.100]}}
  at 2260ms wake
         > cut ips=[10.0.0.100]
         > remove interface=eth0 address=10.0.0.100/24
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=200ms addresses=[10.0.0.100]}}
         > will address=vip remove=[] say=[]
         > changed address=vip from=active to=fault priority=100 why="this host must not hold the addresses (health): the check proxy fails (it has said nothing for 500ms)"
# It needs two passes to be trusted again.
at 2560ms checked address=vip check=proxy
at 2660ms checked address=vip check=proxy
       > changed address=vip from=fault to=backup priority=100 why="nothing forbids this host to hold the addresses any more"
at 2710ms shutdown
       > changed address=vip from=backup to=initialize priority=100 why=stopped
       > ended
