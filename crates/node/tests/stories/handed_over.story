# Another process of this host has handed over: what it held stays without a gap, also before the first check and the first view.
config addresses={other={interface=eth0 held=[10.0.0.101/24] lifetime=2000ms follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}} vip={interface=eth0 held=[10.0.0.100/24] lifetime=2000ms checks=[{name=proxy rule=veto rise=2 fall=3}] proof=proxy proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=1 gap=500ms refresh=0ms}}}}

at 0ms startup left=[[eth0 10.0.0.100/24] [eth0 10.0.0.101/24] [eth1 10.9.9.9/32]] handed-over=true
       > will address=other remove=[[eth0 10.0.0.101/24]] say=[]
       > put interface=eth0 address=10.0.0.101/24 valid=2000ms
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}]
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
       > announce interface=eth0 ips=[10.0.0.100]
       > put interface=eth0 address=10.0.0.100/24 valid=2000ms
       > changed address=other from=initialize to=active priority=100 why="the process before this one held it, and has handed over"
       > changed address=vip from=initialize to=active priority=100 why="the process before this one held it, and has handed over"
until 150ms
  at 100ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
at 200ms checked address=vip check=proxy
until 400ms
  at 200ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
  at 300ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
  at 400ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
at 450ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
# No further proof comes.
until 800ms
  at 500ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > put interface=eth0 address=10.0.0.101/24 valid=2000ms
  at 600ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
  at 700ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > cut ips=[10.0.0.100]
         > remove interface=eth0 address=10.0.0.100/24
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}
         > will address=vip remove=[] say=[]
         > changed address=vip from=active to=fault priority=100 why="this host must not hold the addresses (health): the check proxy fails (it has said nothing for 500ms)"
